"""Measuring delay: the whole command, by one short call, and its mistakes."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.delay.report import read_delay
from benchmarks.delay.run import STAGES, DelaySettings
from benchmarks.errors import ResultsError


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
