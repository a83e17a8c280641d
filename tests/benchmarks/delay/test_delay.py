"""The delay benchmark: one short call, and what is made of meters and pictures."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.calls.call import CallRun
from benchmarks.delay.report import read_delay
from benchmarks.delay.run import STAGES, DelaySettings, delay_row, picture_delays, stage_split
from benchmarks.delay.viewer import main as view
from benchmarks.errors import CallTooShort, ResultsError


def line(second: int) -> dict[str, Any]:
    """A line of either meter: 25 frames a second in bundles of five."""
    totals = {"frames": 25 * second, "motion_messages": 5 * second, "coded_frames": 25 * second}
    return {
        "time_s": float(second),
        "pts_origin_us": 1_000_000,
        "stages_ms": {"capture": 1.0, "total": 12.0, "read": 0.5, "render": 14.5},
        "keypoints": {"totals": totals},
        "counts": {"shown": 25 * second},
        "playout": {"held": second},
        "round_trip_ms": 2.0,
        "playout_delay_ms": 90.0,
        "jitter_ms": 85.0,
    }


CALL = CallRun(tuple(map(line, range(4, 8))), tuple(map(line, range(4, 8))), {})


@pytest.mark.timeout(300)
def test_a_short_call_is_measured_from_both_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, document = tmp_path / "d.json", tmp_path / "page.md"
    flags = ["--size", "256", "--bundle", "1", "--seconds", "4", "--threads", "1", "--fps", "10"]
    assert main(["delay", *flags, "--json", str(path), "--plot", str(tmp_path / "d.png")]) == 0
    assert (tmp_path / "d.png").stat().st_size > 5_000
    report = json.loads(path.read_text())
    assert (report["schema"], report["benchmark"], report["settings"]["bundles"]) == (1, "delay", [1])
    (row,) = read_delay(report).rows
    assert 0 < row.delay_ms.p5 <= row.delay_ms.p25 <= row.delay_ms.median <= row.delay_ms.p75 <= row.delay_ms.p95
    assert row.target_ms == 80
    assert set(row.stages_ms) == set(STAGES)
    assert row.stages_ms["encode"] > 0
    assert row.stages_ms["decode"] > 0
    document.write_text("<!-- delay figures --><!-- end of delay figures -->")
    capsys.readouterr()
    assert main(["table", str(path), "--into", str(document), "--plot", str(tmp_path / "again.png")]) == 0
    assert "capture to display" in capsys.readouterr().out
    assert "| 256 | 1 | 10 |" in document.read_text()


def test_a_picture_counts_from_its_capture() -> None:
    pictures = [{"pts": 3600 * index, "shown_us": 1_000_000 + 40_000 * index + 70_000 + index} for index in range(100)]
    delays = picture_delays(pictures, [line(1)])
    assert len(delays) == 25
    assert delays == pytest.approx([70.0 + index / 1000 for index in range(75, 100)], abs=0.001)
    with pytest.raises(CallTooShort, match="no picture was shown"):
        picture_delays([], [line(1)])
    with pytest.raises(CallTooShort, match="no picture"):
        picture_delays(pictures, [{"pts_origin_us": None}])


def test_stages_and_the_rest_make_the_median() -> None:
    stages = stage_split(CALL, 130.0, fps=25)
    assert stages["bundle"] == pytest.approx(80)
    assert (stages["capture"], stages["encode"], stages["transport"], stages["decode"]) == (1, 12, 1, 15)
    assert sum(stages.values()) == pytest.approx(130)
    assert stage_split(CALL, 50.0, fps=25)["waiting"] == 0


def test_a_row_is_held_against_its_target() -> None:
    row = delay_row(CALL, [70.0, 75.0, 90.0], size=256, bundle=1, fps=25)
    assert (row.met, row.target_ms, row.shown_fps, row.details["held"]) == (True, 80, 25, 3)
    assert delay_row(CALL, [81.0], size=256, bundle=1, fps=25).met is False
    assert delay_row(CALL, [81.0], size=256, bundle=7, fps=25).met is None


def test_nonsense_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--seconds", "1"], ["--bundle", "17"], ["--fps", "99"], [str(tmp_path / "none.mp4")]):
        assert main(["delay", *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("benchmarks: ")
        assert len(error.splitlines()) == 1
    with pytest.raises(ResultsError):
        read_delay({"benchmark": "speed"})
    assert DelaySettings().rate(512) == 20
    assert DelaySettings(fps=15).rate(512) == 15


def test_a_viewer_without_a_server_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--json", str(tmp_path / "m.jsonl"), "--pictures", str(tmp_path / "p.jsonl")]
    assert view(["--signal", "ws://127.0.0.1:9", "--room", "none", *files]) == 2
    error = capsys.readouterr().err
    assert error.startswith("viewer: ")
    assert len(error.splitlines()) == 1
