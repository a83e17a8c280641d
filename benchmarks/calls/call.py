"""Stages 1 to 10, a call over loopback: signaling, receiver and sender as three processes, watched by their meters."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.errors import CallTooShort

STARTUP_S = 120.0  # for three interpreters to import their libraries and load weights on a slow machine
LOOK_S = 0.5
SETTLE_S = 3.0  # after the first picture, before anything counts: a call opens with its dearest second
MB = 1e6

Figures = dict[str, Any]
Watch = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process holds, in MB (10^6 bytes); files that are mapped count, as the kernel counts them."""

    steady_mb: float  # median over the counted part of the call
    peak_mb: float  # since the process began


@dataclass(frozen=True, slots=True)
class CallRun:
    """A call's meter lines from both ends, those of the counted part alone, and what the two processes held."""

    sender: tuple[Figures, ...]
    receiver: tuple[Figures, ...]
    memory: dict[str, Memory]  # by process; empty where the system does not tell


def json_lines(path: Path) -> list[Figures]:
    """The whole lines written so far."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def start_call(
    processes: Processes, *, size: int, sender: Sequence[str], receiver: Sequence[str], viewer: str = "receiver"
) -> None:
    """Starts the three, with more arguments for either end, and waits for the first picture.

    `viewer` is the module that receives. Raises ProcessFailed.
    """
    processes.start("signaling", "signaling", ["--port", "0"])
    url = processes.wait_for("signaling", "listening on", timeout_s=STARTUP_S).split()[-1]
    both = ["--signal", url, "--room", "loopback", "--size", str(size)]
    processes.start("receiver", viewer, [*both, *receiver])
    processes.start("sender", "sender", [*both, *sender])
    processes.wait_for("receiver", "first picture", timeout_s=STARTUP_S)


def resident_mb(pid: int) -> tuple[float, float] | None:
    """What a process holds now and what it held at most, in MB; None where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if "kB" in rest}
    if "VmRSS" not in kib or "VmHWM" not in kib:
        return None
    return kib["VmRSS"] * 1024 / MB, kib["VmHWM"] * 1024 / MB


def run_call(
    clip: Path,
    folder: Path,
    *,
    size: int,
    seconds: float,
    sender: Sequence[str] = (),
    receiver: Sequence[str] = (),
    viewer: str = "receiver",
    watch: Watch = lambda _: None,
) -> CallRun:
    """Plays `clip` in a loop, in keypoint mode unless `sender` says another, for `seconds` beyond the first `SETTLE_S`.

    `watch` is told how many seconds have passed. Raises ProcessFailed, and CallTooShort when the meters say nothing.
    """
    sent, seen = folder / "sender.jsonl", folder / "receiver.jsonl"
    held: dict[str, list[tuple[float, float]]] = {"sender": [], "receiver": []}
    with Processes(folder / "logs") as processes:
        start_call(
            processes,
            size=size,
            sender=["--input", str(clip), "--loop", "--mode", "keypoints", "--json", str(sent), *sender],
            receiver=["--json", str(seen), *receiver],
            viewer=viewer,
        )
        start_s = time.monotonic()
        while (passed_s := time.monotonic() - start_s) < SETTLE_S + seconds:
            if processes.has_ended("sender") or processes.has_ended("receiver"):
                raise ProcessFailed("the call ended early: one of its ends did")
            watch(passed_s)
            for name, samples in held.items():
                if passed_s >= SETTLE_S and (now := resident_mb(processes.pid(name))) is not None:
                    samples.append(now)
            time.sleep(LOOK_S)
        processes.stop("receiver")
        processes.stop("sender")
    # The kernel sums its two counters up at different moments: what is held now may exceed the most that was held.
    memory = {
        name: Memory(median(now for now, _ in some), max(max(both) for both in some))
        for name, some in held.items()
        if some
    }
    return CallRun(counted(json_lines(sent), "frames"), counted(json_lines(seen), "frames"), memory)


def counted(lines: Sequence[Figures], name: str) -> tuple[Figures, ...]:
    """The lines from `SETTLE_S` after the first picture on. Raises CallTooShort for fewer than two."""
    begun = [line for line in lines if any(line[kind]["totals"].get(name) for kind in ("keypoints", "h264"))]
    kept = tuple(line for line in begun if line["time_s"] >= begun[0]["time_s"] + SETTLE_S)
    if len(kept) < 2:
        raise CallTooShort(f"the call was too short to measure: {len(kept)} meter lines after the first {SETTLE_S:g} s")
    return kept


def gained(lines: Sequence[Figures], *path: str) -> float:
    """How much a count that runs on through the call has grown from the first line to the last."""

    def value(line: Any) -> float:
        for name in path[:-1]:
            line = line.get(name, {})
        return float(line.get(path[-1], 0))

    return value(lines[-1]) - value(lines[0])
