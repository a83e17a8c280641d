"""The demo's processes: watched, told apart when they fail, and never left behind."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.calls.processes import Processes, ProcessFailed


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small modules to run: one that waits, one that fails, one that ends."""
    (tmp_path / "waits.py").write_text("import signal, sys\nprint('ready at 7', flush=True)\nsignal.pause()\n")
    (tmp_path / "fails.py").write_text("import sys\nprint('port 7 is in use', file=sys.stderr)\nsys.exit(2)\n")
    (tmp_path / "ends.py").write_text("print('done')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("modules")
def test_leaving_the_block_ends_what_runs(tmp_path: Path) -> None:
    with Processes(tmp_path / "logs") as processes:
        processes.start("one", "waits", [])
        assert processes.wait_for("one", "ready", timeout_s=30) == "ready at 7"
        assert not processes.has_ended("one")
        process = processes._running["one"]
    assert process.poll() is not None


@pytest.mark.usefixtures("modules")
def test_a_process_that_fails_is_named_with_its_own_words(tmp_path: Path) -> None:
    with Processes(tmp_path / "logs") as processes:
        processes.start("waiter", "waits", [])
        processes.start("receiver", "fails", [])
        with pytest.raises(ProcessFailed, match="receiver failed: port 7 is in use"):
            processes.wait_for("waiter", "never said", timeout_s=30)
        waiter = processes._running["waiter"]
        assert waiter.poll() is None
    assert waiter.poll() is not None


@pytest.mark.usefixtures("modules")
def test_a_process_that_ends_before_its_word_is_told_too(tmp_path: Path) -> None:
    with Processes(tmp_path / "logs") as processes:
        processes.start("sender", "ends", [])
        with pytest.raises(ProcessFailed, match="sender ended early: done"):
            processes.wait_for("sender", "connected", timeout_s=30)


@pytest.mark.usefixtures("modules")
def test_a_process_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deaf.py").write_text(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    monkeypatch.setattr("benchmarks.calls.processes.END_S", 0.1)
    with Processes(tmp_path / "logs") as processes:
        processes.start("deaf", "deaf", [])
        processes.wait_for("deaf", "ready", timeout_s=30)
        process: subprocess.Popen[bytes] = processes._running["deaf"]
    assert process.poll() == -9
