"""Stage 6, transport, measured: the link between two hosts, a small program in C that bridges two interfaces.

netem could lose and delay too, but not every kernel has it, and it would not tell what passed: this link is the same
everywhere, and what it counts is what a line carries.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.errors import BenchmarkError

__all__ = ["Link", "LinkUnavailable", "Wire", "compile_link"]

SOURCE = Path(__file__).with_name("link.c")
Way = Literal["ab", "ba", "both"]


class LinkUnavailable(BenchmarkError):
    """This machine cannot make the networks: no compiler, no root, no network namespaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What one direction of the link does to packets; the defaults are those of a plain wire. See link.c."""

    loss: float = 0.0  # percent
    burst: tuple[float, float, float] = (0.0, 0.0, 0.0)  # Gilbert-Elliott: percent entering, leaving, lost while bad
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    reorder: float = 0.0  # percent
    duplicate: float = 0.0  # percent
    kbps: float = 0.0  # 0: as fast as it comes
    queue_ms: float = 1000.0  # what would wait longer is dropped
    mtu: int = 0
    cut: bool = False

    def line(self, way: Way) -> str:
        """The words that tell the program."""
        burst = ",".join(f"{part:g}" for part in self.burst)
        return (
            f"{way} loss={self.loss:g} burst={burst} delay={self.delay_ms:g} jitter={self.jitter_ms:g} "
            f"reorder={self.reorder:g} duplicate={self.duplicate:g} kbps={self.kbps:g} queue={self.queue_ms:g} "
            f"mtu={self.mtu} cut={int(self.cut)}\n"
        )


def compile_link(folder: Path) -> Path:
    """The program, in `folder`. Raises LinkUnavailable without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise LinkUnavailable("no C compiler: the link between the hosts cannot be built")
    program = folder / "link"
    done = subprocess.run([compiler, "-O2", "-o", str(program), str(SOURCE)], capture_output=True, text=True)
    if done.returncode:
        raise LinkUnavailable(f"the link does not compile here: {(done.stderr.splitlines() or ['?'])[0]}")
    return program


class Link:
    """The running link. `prefix` puts it where the two interfaces are."""

    def __init__(self, program: Path, interfaces: tuple[str, str], *, prefix: Sequence[str], folder: Path) -> None:
        self._counts = folder / "link.jsonl"
        with self._counts.open("wb") as output:
            self._process = subprocess.Popen(
                [*prefix, str(program), *interfaces, "7"], stdin=subprocess.PIPE, stdout=output, text=True
            )

    def set(self, wire: Wire, way: Way = "both") -> None:
        """From now on. Raises LinkUnavailable when the link has died."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(wire.line(way))
            self._process.stdin.flush()
        except OSError:
            raise LinkUnavailable("the link between the hosts has died") from None

    def close(self) -> None:
        """Ends it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait()

    def counts(self) -> list[dict[str, Any]]:
        """What passed: counts since the start, ten times a second; times on the monotonic clock."""
        text = self._counts.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
