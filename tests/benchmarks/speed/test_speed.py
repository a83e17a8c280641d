"""The speed benchmark: real frames through the codec, a cold start, and what is made of them; the call is made up."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.calls.call import CallRun, Memory, counted, gained
from benchmarks.calls.pinning import pinned
from benchmarks.calls.processes import ProcessFailed
from benchmarks.clips.clip import Clip, load_clip, resampled, to_and_fro, write_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import CallTooShort, ResultsError, SettingError
from benchmarks.speed import run as speed
from benchmarks.speed.codec_times import CAMERA, GROUP, WARM_UP, camera_picture
from benchmarks.speed.codec_times import main as time_codec
from benchmarks.speed.report import read_speed
from benchmarks.speed.rows import HELD, TARGETS, call_rows, row
from benchmarks.speed.run import SpeedSettings, measure_speed

pytestmark = pytest.mark.timeout(300)  # interpreters that start on a busy machine


def meter(time_s: float, *, frames: int) -> dict[str, Any]:
    """A line of either meter, after so many frames."""
    return {
        "time_s": time_s,
        "shown_fps": 30.0,
        "counts": {"shown": frames, "dropped": 2},
        "playout": {"interpolated": 3},
        "dropped": {},
        "keypoints": {"totals": {"frames": frames}},
    }


def a_call(*, frames_a_second: int = 30) -> CallRun:
    lines = tuple(meter(float(second), frames=second * frames_a_second) for second in range(1, 6))
    return CallRun(lines, lines, {"sender": Memory(300.0, 320.0), "receiver": Memory(200.0, 210.0)})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole command on a second of the bundled clip, but for the call."""
    folder = tmp_path_factory.mktemp("speed")
    flags = ["--size", "256", "--seconds", "1", "--cold-runs", "1", "--threads", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "call", lambda *_, **__: a_call())
        status = main(["speed", *flags, "--json", str(folder / "s.json"), "--plot", str(folder / "s.png")])
    assert status == 0
    assert (folder / "s.png").stat().st_size > 10_000
    loaded: dict[str, Any] = json.loads((folder / "s.json").read_text())
    return loaded


def test_every_target_has_its_row(report: dict[str, Any]) -> None:
    rows = {one["key"]: one for one in report["rows"]}
    assert set(TARGETS) <= set(rows)
    for key, one in rows.items():
        spread = one["spread"]
        assert 0 < spread["p5"] <= spread["p25"] <= spread["median"] <= spread["p75"] <= spread["p95"], key
        assert (one["target"] is None) == (one["met"] is None) == (key not in TARGETS), key
    assert rows["sender_keypoints"]["spread"]["count"] <= 25 - WARM_UP
    assert rows["sender_loop"]["spread"]["count"] == (25 - WARM_UP) // GROUP
    assert rows["cold_start"]["details"].keys() == {"import", "decoder", "first frame"}


def test_stages_add_up_to_the_frame(report: dict[str, Any]) -> None:
    spent = dict.fromkeys(("sender", "receiver"), 0.0)
    for one in report["stages"]:
        spent[one["end"]] += one["ms_a_frame"]
    rows = {one["key"]: one["details"]["mean of all"] for one in report["rows"] if "mean of all" in one["details"]}
    assert spent == pytest.approx({"sender": rows["sender_loop"], "receiver": rows["receiver_frame"]})
    assert {one["stage"] for one in report["stages"]} >= {"crop", "motion", "flow", "entropy", "generate", "rest"}


def test_the_file_says_where_it_comes_from(report: dict[str, Any]) -> None:
    assert (report["schema"], report["benchmark"]) == (1, "speed")
    assert report["provenance"]["clips"]["sample"]["sha256"]
    assert report["provenance"]["weights"]["sha256"]
    assert report["environment"]["cpu"]
    assert isinstance(report["environment"]["cpu_flags"], list)
    assert report["settings"]["threads"] == 1
    assert [one["clip"] for one in report["clips"]] == ["sample"]


def test_tables_come_back_from_the_file_and_go_into_a_document(
    report: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, document = tmp_path / "s.json", tmp_path / "page.md"
    path.write_text(json.dumps(report))
    document.write_text("before\n<!-- speed figures -->\nold\n<!-- end of speed figures -->\nafter\n")
    assert main(["table", str(path), "--into", str(document)]) == 0
    assert "receiver, a frame" in capsys.readouterr().out
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| weights on disk | - |" in text
    document.write_text("no section")
    assert main(["table", str(path), "--into", str(document)]) == 2
    assert "has no section" in capsys.readouterr().err


def test_files_of_something_else_are_told(report: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="schema 99"):
        read_speed({**report, "schema": 99})
    with pytest.raises(ResultsError, match="speed benchmark"):
        read_speed({**report, "rows": [{"key": "no row"}]})
    (tmp_path / "no.json").write_text("{")
    assert main(["table", str(tmp_path / "no.json")]) == 2


def test_what_cannot_be_measured_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for wrong in (
        [str(tmp_path / "none.mp4")],
        [str(tmp_path / "text.mp4")],
        ["--seconds", "0"],
        ["--call-seconds", "1"],
    ):
        assert main(["speed", *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("benchmarks: ")
        assert len(error.splitlines()) == 1
    assert main(["speed", "--threads", "4096"]) == 2
    assert "--threads 4096" in capsys.readouterr().err


def test_a_clip_too_short_is_named_by_the_child_and_by_the_parent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], write_video: Any
) -> None:
    short = write_video("short.mp4", frames=6)
    assert time_codec([str(short)]) == 2
    assert "at least 15 are needed" in capfd.readouterr().err
    with pytest.raises(ProcessFailed, match="short: 6 frames, at least 15"):
        measure_speed([short], SpeedSettings(sizes=(256,), call_seconds=0, threads=1))


def test_frames_a_second_are_held_at_99_percent() -> None:
    held, *_ = call_rows([a_call(), a_call()], size=256)
    assert (held.judged, held.met, held.details["interpolated"]) == (30, True, 0)
    missed, sender, receiver = call_rows([a_call(frames_a_second=29)], size=256)
    assert (missed.judged, missed.met) == (29, False)
    assert row("call_fps", 256, "fps", [30.0], judged=HELD * 30).met
    assert (sender.judged, sender.details, sender.met) == (320, {"steady": 300}, True)
    assert receiver.judged == 210


def test_a_call_is_counted_from_three_seconds_after_its_first_picture() -> None:
    lines = [meter(float(second), frames=max(0, second - 2) * 30) for second in range(10)]
    kept = counted(lines, "frames")
    assert [line["time_s"] for line in kept] == [6, 7, 8, 9]
    assert gained(kept, "keypoints", "totals", "frames") == 90
    assert gained(kept, "nowhere", "at", "all") == 0
    with pytest.raises(CallTooShort, match="1 meter lines"):
        counted(lines[:7], "frames")


def test_a_clip_is_resampled_at_its_own_pace_and_loops_without_a_jump(clip: Clip, tmp_path: Path) -> None:
    faster = resampled(clip, fps=30)
    assert len(faster.pictures) == 18
    assert (faster.pictures[6] == clip.pictures[5]).all()
    assert (resampled(clip, fps=12.5).pictures == clip.pictures[::2]).all()
    looped = to_and_fro(clip)
    assert len(looped.pictures) == 28
    assert (looped.pictures[-1] == clip.pictures[1]).all()
    write_clip(faster, tmp_path / "faster.mp4")
    back = load_clip(tmp_path / "faster.mp4", size=256, seconds=9)
    assert (back.fps, len(back.pictures)) == (30, 18)


def test_the_camera_gives_a_whole_picture() -> None:
    picture = camera_picture(load_clip(SAMPLE, size=256, seconds=0.1).pictures[0])
    assert picture.shape == (*CAMERA, 3)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes")
def test_cores_are_held_and_given_back() -> None:
    before = os.sched_getaffinity(0)
    with pinned(1) as cores:
        assert os.sched_getaffinity(0) == set(cores)
    assert os.sched_getaffinity(0) == before
    with pytest.raises(SettingError, match=f"may use {len(before)} cores"), pinned(len(before) + 1):
        pass
