"""Stages 1 to 10, measured for long: two calls on one line that limits and loses; what each gets, what stays flat."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.calls.call import json_lines
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.clips.clip import write_looping
from benchmarks.errors import SettingError
from benchmarks.network.hosts import Hosts
from benchmarks.network.link import Wire
from benchmarks.network.voice import write_voice
from benchmarks.records.terminal import Tick

__all__ = ["CallRow", "Flat", "TwoSettings", "measure_two", "rows_of"]

_STARTUP_S = 120.0
_SETTLE_S = 10.0  # after the second call's first picture
_POLL_S = 0.5
_CLIP_S = 10.0
_PORT = "8765"
_CALLS = ("first", "second")
_ENDS = ("sender", "receiver")


@dataclass(frozen=True, slots=True)
class TwoSettings:
    """The line, and for how long."""

    seconds: float = 1800.0
    kbps: float = 64.0
    loss: float = 2.0  # percent, either way
    delay_ms: float = 20.0
    size: int = 256
    fps: float = 25.0
    sound: bool = True

    def __post_init__(self) -> None:
        if self.seconds < 20:
            raise SettingError(f"--seconds {self.seconds:g}: 20 and more, where two calls share a line")


@dataclass(frozen=True, slots=True)
class Flat:
    """One end's process when the counted time began, and when it ended."""

    memory_mb: tuple[float, float]  # resident
    threads: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CallRow:
    """One of the two calls over the counted time."""

    name: str
    in_kbps: float  # at the receiver, as its meter counts
    share: float  # of what both receivers got
    fps: float
    delay_ms: tuple[float, float]  # median of the first third, and of the last
    longest_s: int  # seconds in a row without a picture
    sound_made_up: float  # percent
    ends: dict[str, Flat]


def measure_two(clip: Path, settings: TwoSettings, *, tick: Tick = lambda *_: None) -> list[CallRow]:
    """Both calls. Raises LinkUnavailable, ProcessFailed, ClipError, MediaError."""
    with tempfile.TemporaryDirectory(prefix="facewire-two-") as text:
        folder = Path(text)
        looping, voice = folder / "clip.mp4", folder / "voice.wav"
        write_looping(clip, looping, size=settings.size, seconds=_CLIP_S, fps=settings.fps)
        write_voice(voice, seconds=30.0)
        wire = Wire(loss=settings.loss, delay_ms=settings.delay_ms, kbps=settings.kbps, queue_ms=4000)
        with Hosts(folder) as hosts, Processes(folder / "logs") as processes:
            hosts.link.set(wire)
            listens = ["--host", "0.0.0.0", "--port", _PORT]
            processes.start("signaling", "signaling", listens, prefix=hosts.prefix("sender"))
            processes.wait_for("signaling", "listening on", timeout_s=_STARTUP_S)
            for call in _CALLS:
                _start(call, hosts, processes, folder, settings, looping=looping, voice=voice)
            before, after, since = _hold(processes, folder, settings, tick)
        lines = {
            f"{call} {end}": json_lines(folder / f"{call}-{end}.jsonl")[since[f"{call} {end}"] :]
            for call in _CALLS
            for end in _ENDS
        }
    return rows_of(lines, before, after)


def _start(
    call: str,
    hosts: Hosts,
    processes: Processes,
    folder: Path,
    settings: TwoSettings,
    *,
    looping: Path,
    voice: Path,
) -> None:
    """One call, until its first picture."""
    meets = ["--signal", f"ws://{hosts.sender_ip}:{_PORT}", "--room", call]
    sends = ["--input", str(looping), "--loop", "--mode", "keypoints", "--size", str(settings.size)]
    sends += ["--microphone", str(voice)] if settings.sound else []
    hears = ["--output", "null", *(["--sound", "--speaker", "none"] if settings.sound else [])]
    for end, does in (("sender", sends), ("receiver", hears)):
        told = ["--json", str(folder / f"{call}-{end}.jsonl")]
        processes.start(f"{call} {end}", end, [*meets, *does, *told], prefix=hosts.prefix(end))
        if end == "sender":
            processes.wait_for(f"{call} {end}", "waiting for a receiver", timeout_s=_STARTUP_S)
    processes.wait_for(f"{call} receiver", "first picture", timeout_s=_STARTUP_S)


def _hold(
    processes: Processes, folder: Path, settings: TwoSettings, tick: Tick
) -> tuple[dict[str, tuple[float, int]], dict[str, tuple[float, int]], dict[str, int]]:
    """The counted time: memory and threads before and after, and from which line of each end's figures on it is."""
    names = [f"{call} {end}" for call in _CALLS for end in _ENDS]
    time.sleep(_SETTLE_S)
    before = {name: _process(processes.pid(name)) for name in names}
    since = {name: len(json_lines(folder / f"{name.replace(' ', '-')}.jsonl")) for name in names}
    begin_s = time.monotonic()
    while (passed_s := time.monotonic() - begin_s) < settings.seconds:
        if any(processes.has_ended(name) for name in names):
            raise ProcessFailed("a call ended early: one of its ends did")
        tick("two calls", min(1.0, passed_s / settings.seconds))
        time.sleep(_POLL_S)
    tick("two calls", 1.0)
    return before, {name: _process(processes.pid(name)) for name in names}, since


def _process(pid: int) -> tuple[float, int]:
    """Resident memory in megabytes, and threads."""
    words = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(words["VmRSS"].split()[0]) / 1024, int(words["Threads"])


def rows_of(
    lines: Mapping[str, Sequence[dict[str, Any]]],
    before: dict[str, tuple[float, int]],
    after: dict[str, tuple[float, int]],
) -> list[CallRow]:
    """Both calls' rows, of the figures by "call end" and what the processes were."""
    kbps = {call: _kbps(lines[f"{call} receiver"]) for call in _CALLS}
    together = sum(kbps.values())
    rows = []
    for call in _CALLS:
        received = lines[f"{call} receiver"]
        delays = [line["keypoints"]["delay_ms"] for line in received if line["keypoints"]["delay_ms"] is not None]
        third = max(1, len(delays) // 3)
        rows.append(
            CallRow(
                name=call,
                in_kbps=kbps[call],
                share=kbps[call] / together if together else 0.0,
                fps=mean(line["shown_fps"] for line in received) if received else 0.0,
                delay_ms=(median(delays[:third]), median(delays[-third:])) if delays else (0.0, 0.0),
                longest_s=_longest(received),
                sound_made_up=_made_up(received),
                ends={end: _flat(before[f"{call} {end}"], after[f"{call} {end}"]) for end in _ENDS},
            )
        )
    return rows


def _flat(before: tuple[float, int], after: tuple[float, int]) -> Flat:
    return Flat(memory_mb=(before[0], after[0]), threads=(before[1], after[1]))


def _kbps(lines: Sequence[dict[str, Any]]) -> float:
    if len(lines) < 2:
        return 0.0
    seconds = lines[-1]["time_s"] - lines[0]["time_s"]
    taken = lines[-1]["connection"]["in_bytes"] - lines[0]["connection"]["in_bytes"]
    return float(taken * 8 / 1000 / seconds) if seconds > 0 else 0.0


def _longest(lines: Sequence[dict[str, Any]]) -> int:
    longest = run = 0
    for line in lines:
        run = 0 if line["shown_fps"] else run + 1
        longest = max(longest, run)
    return longest


def _made_up(lines: Sequence[dict[str, Any]]) -> float:
    if not lines:
        return 0.0
    first, last = (line.get("sound") or {} for line in (lines[0], lines[-1]))
    made_up, came = (last.get(name, 0) - first.get(name, 0) for name in ("concealed", "received"))
    return float(100 * made_up / (made_up + came)) if made_up + came else 0.0
