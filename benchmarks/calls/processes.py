"""Measuring, the processes of a call: started, watched, and ended all together, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.errors import BenchmarkError

__all__ = ["ProcessFailed", "Processes"]

END_S = 10.0  # for an orderly end, before it is killed
POLL_S = 0.1


class ProcessFailed(BenchmarkError):
    """A process ended with an error, or said nothing for too long; with its own last line."""


class Processes:
    """Python modules running as processes of their own, each with a log file. Leaving the block ends them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {**os.environ, "COLUMNS": "160"}  # a log has no width of its own

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running.values()):
            _end(process)

    def start(self, name: str, module: str, arguments: Sequence[str], *, prefix: Sequence[str] = ()) -> None:
        """Starts `python -m module arguments`, behind `prefix`, with its output in FOLDER/name.log."""
        command = [*prefix, sys.executable, "-m", module, *arguments]
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )

    def pid(self, name: str) -> int:
        """The process id of a process that was started."""
        return self._running[name].pid

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self._folder / f"{name}.log"

    def has_ended(self, name: str) -> bool:
        """Whether a process has ended well. Raises ProcessFailed if any has ended badly."""
        for other, process in self._running.items():
            if process.poll():
                raise ProcessFailed(f"{other} failed: {self._last_line(other)}")
        return self._running[name].poll() is not None

    def wait_for(self, name: str, word: str, *, timeout_s: float) -> str:
        """The first line of a process's output that holds `word`. Raises ProcessFailed, also when it never comes."""
        give_up_s = time.monotonic() + timeout_s
        while time.monotonic() < give_up_s:
            for line in self.log(name).read_text(errors="replace").splitlines():
                if word in line:
                    return line
            if self.has_ended(name):
                raise ProcessFailed(f"{name} ended early: {self._last_line(name)}")
            time.sleep(POLL_S)
        raise ProcessFailed(f"{name} did not say {word!r} within {timeout_s:g} s: {self._last_line(name)}")

    def stop(self, name: str) -> None:
        """Asks a process to end and waits for it. Raises ProcessFailed if it ends badly."""
        _end(self._running[name])
        self.has_ended(name)

    def _last_line(self, name: str) -> str:
        lines = [line for line in self.log(name).read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else f"nothing in {self.log(name)}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
