"""The demo: the command line, and how it says what failed."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.calls.processes import ProcessFailed
from benchmarks.demo import run as demo_run
from benchmarks.demo.__main__ import main


def test_what_fails_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, write_video: Any
) -> None:
    missing = str(tmp_path / "none.mp4")
    assert main(["--input", missing, "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"demo: {missing}")

    def fail(*_: object) -> None:
        raise ProcessFailed("sender failed: facewire-send: no weights")

    monkeypatch.setattr(demo_run, "call", fail)
    clip = str(write_video("square.mp4", frames=4, height=96, width=96))
    assert main(["--input", clip, "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "demo: sender failed: facewire-send: no weights\n"
