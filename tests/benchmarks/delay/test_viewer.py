"""Stages 6 to 10, as an application would embed them: a receiver without a call."""

from pathlib import Path

import pytest

from benchmarks.delay.viewer import main as view


def test_a_viewer_without_a_server_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--json", str(tmp_path / "m.jsonl"), "--pictures", str(tmp_path / "p.jsonl")]
    assert view(["--signal", "ws://127.0.0.1:9", "--room", "none", *files]) == 2
    error = capsys.readouterr().err
    assert error.startswith("viewer: ")
    assert len(error.splitlines()) == 1
