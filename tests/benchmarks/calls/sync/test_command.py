"""Measuring sync: the whole command, by one short call over a line that loses, and its mistakes."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.calls.sync.report import read_sync
from benchmarks.calls.sync.viewer import main as view
from benchmarks.errors import ResultsError


@pytest.mark.timeout(300)
def test_a_short_call_is_measured_from_both_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, document = tmp_path / "s.json", tmp_path / "page.md"
    flags = ["--mode", "h264", "--loss", "0.05", "--bundle", "2", "--seconds", "6", "--threads", "1", "--fps", "10"]
    assert main(["sync", *flags, "--json", str(path), "--plot", str(tmp_path / "s.png")]) == 0
    assert (tmp_path / "s.png").stat().st_size > 5_000
    report = json.loads(path.read_text())
    assert (report["schema"], report["benchmark"], report["settings"]["losses"]) == (1, "sync", [0.05])
    (row,) = read_sync(report).rows
    assert 0 < len(row.apart_ms) <= row.marks
    assert row.screen_ms.median > 0
    assert row.ear_ms.median > 0
    document.write_text("<!-- sync figures --><!-- end of sync figures -->")
    capsys.readouterr()
    assert main(["table", str(path), "--into", str(document), "--plot", str(tmp_path / "again.png")]) == 0
    assert "sound against pictures" in capsys.readouterr().out
    assert "| h264 | 5% | 2 |" in document.read_text()


def test_nonsense_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--seconds", "1"], ["--bundle", "17"], ["--fps", "99"], ["--loss", "1"], [str(tmp_path / "none")]):
        assert main(["sync", *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("benchmarks: ")
        assert len(error.splitlines()) == 1
    with pytest.raises(ResultsError):
        read_sync({"benchmark": "delay"})


def test_a_viewer_without_a_server_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--json", str(tmp_path / "m.jsonl"), "--kept", str(tmp_path / "k.npz")]
    assert view(["--signal", "ws://127.0.0.1:9", "--room", "none", *files]) == 2
    error = capsys.readouterr().err
    assert error.startswith("viewer: ")
    assert len(error.splitlines()) == 1
