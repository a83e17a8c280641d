"""Stages 1 to 10, counted: what one sender spends on one viewer and on many, through calls over loopback.

The sender, the signaling server, a receiver that decodes, and the audience, which does not, run in processes of their
own; CPU time is what the kernel has charged each with (/proc/PID/stat), so it hangs little on what else runs.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calls.call import SETTLE_S, STARTUP_S, Figures, gained, json_lines
from benchmarks.calls.pinning import load_before
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.clips.clip import write_looping
from benchmarks.errors import CallTooShort, SettingError
from benchmarks.records.terminal import Tick
from signaling.protocol.quantities import MOST_VIEWERS

__all__ = ["ViewersResult", "ViewersRow", "ViewersSettings", "measure_viewers"]

LEAST_S = 4.0
LOOK_S = 0.02
CHURN_S = 4.0  # how long a viewer that comes and goes stays
TARGET = 1.25  # CPU of a frame with the most viewers, without the sending, against that with one


@dataclass(frozen=True, slots=True)
class ViewersSettings:
    """How many watch, and how long it counts."""

    viewers: tuple[int, ...] = (1, 2, 4, 8)
    churn: bool = True  # once more with the most, of which one leaves and comes back
    seconds: float = 20.0
    size: int = 256
    fps: float = 25.0

    def __post_init__(self) -> None:
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")
        if any(not 1 <= viewers <= MOST_VIEWERS for viewers in self.viewers):
            raise SettingError(f"--viewers {max(self.viewers)}: 1 to {MOST_VIEWERS}")


@dataclass(frozen=True, slots=True)
class ViewersRow:
    """One call with `viewers`, of which the last leaves and comes back each `churn_s` (0: stays)."""

    viewers: int
    several: bool  # the program for several; not: the one for one receiver
    churn_s: float
    frames: int
    fps: float
    sender_ms: float  # CPU of a frame
    coding_ms: float  # the part of it in the threads of the codec
    audience_ms: float  # CPU of a frame at one viewer that does not decode
    server_ms_per_s: float  # CPU of the signaling server while nobody comes or goes
    payload_kbps: float  # of all viewers
    wire_kbps: float
    back_kbps: float
    keyframes: int
    catch_ups: int
    joins: int


@dataclass(frozen=True, slots=True)
class ViewersResult:
    """All calls, and where they ran."""

    rows: tuple[ViewersRow, ...]
    load_before: float | None


def cpu_ms(pid: int) -> float:
    """CPU that a process has used. Raises SettingError where the system does not tell."""
    return sum(_ticks(Path(f"/proc/{pid}/stat"))) * 1000 / os.sysconf("SC_CLK_TCK")


def threads_ms(pid: int) -> float:
    """CPU of those of its threads that are not the main one: that one sends, the others follow the face and code."""
    tasks = [task for task in Path(f"/proc/{pid}/task").iterdir() if task.name != str(pid)]
    return sum(sum(_ticks(task / "stat")) for task in tasks) * 1000 / os.sysconf("SC_CLK_TCK")


def _ticks(stat: Path) -> tuple[int, int]:
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        raise SettingError("CPU times of processes: only where there is /proc (Linux)") from None
    return int(fields[11]), int(fields[12])


def measure_viewers(clip: Path, settings: ViewersSettings, *, tick: Tick = lambda *_: None) -> ViewersResult:
    """A call for each number of viewers. Raises ClipError, SettingError, ProcessFailed, CallTooShort, MediaError."""
    load = load_before()
    most = max(settings.viewers)
    calls = [(1, False, 0.0), *((viewers, True, 0.0) for viewers in settings.viewers)]
    if settings.churn and most > 1:
        calls.append((most, True, CHURN_S))
    with tempfile.TemporaryDirectory(prefix="facewire-viewers-") as text:
        played = Path(text) / "clip.mp4"
        write_looping(clip, played, size=settings.size, seconds=settings.seconds, fps=settings.fps)
        rows = [
            one_call(played, Path(text) / str(index), settings, call=call, tick=tick)
            for index, call in enumerate(calls)
        ]
    return ViewersResult(tuple(rows), load)


def one_call(
    clip: Path, folder: Path, settings: ViewersSettings, *, call: tuple[int, bool, float], tick: Tick
) -> ViewersRow:
    """One call, counted from a moment after all are there."""
    viewers, several, churn_s = call
    name = f"{viewers} viewer{'s' * (viewers > 1)}"
    sent = folder / "sender.jsonl"
    with Processes(folder) as processes:
        processes.start("signaling", "signaling", ["--port", "0", "--viewers", str(viewers)])
        url = processes.wait_for("signaling", "listening on", timeout_s=STARTUP_S).split()[-1]
        room = ["--signal", url, "--room", "hall"]
        asked = max(2, viewers) if several else 1
        sender = ["--input", str(clip), "--loop", "--mode", "keypoints", "--json", str(sent), "--viewers", str(asked)]
        processes.start("receiver", "receiver", [*room, "--output", "null", "--json", str(folder / "receiver.jsonl")])
        if viewers > 1:
            churn = ["--churn-s", str(churn_s)] if churn_s else []
            audience = [*room, "--viewers", str(viewers - 1), *churn]
            processes.start("audience", "benchmarks.calls.viewers.audience", audience)
        processes.start("sender", "sender", [*room, "--size", str(settings.size), *sender])
        processes.wait_for("receiver", "first picture", timeout_s=STARTUP_S)
        if viewers > 1:
            processes.wait_for("audience", "all are there", timeout_s=STARTUP_S)
        names = ["sender", "signaling", *(["audience"] if viewers > 1 else [])]
        begun = _moment(processes, sent, names, wait_s=SETTLE_S)
        while (left_s := begun.at_s + settings.seconds - time.monotonic()) > 0:
            processes.has_ended("sender")
            tick(name, max(0.0, 1 - left_s / settings.seconds))
            time.sleep(min(left_s, 0.5))
        ended = _moment(processes, sent, names, wait_s=0.0)
    tick(name, 1.0)
    return _row(begun, ended, viewers=viewers, several=several, churn_s=churn_s)


@dataclass(frozen=True, slots=True)
class _Moment:
    """The meters and the CPU times as the sender wrote a line."""

    at_s: float
    line: Figures
    cpu_ms: dict[str, float]
    coding_ms: float


def _moment(processes: Processes, meters: Path, names: Sequence[str], *, wait_s: float) -> _Moment:
    time.sleep(wait_s)
    before, give_up_s = len(json_lines(meters)), time.monotonic() + STARTUP_S
    while len(lines := json_lines(meters)) <= before:
        if processes.has_ended("sender") or time.monotonic() > give_up_s:
            raise ProcessFailed("the sender ended early, or wrote no figures")
        time.sleep(LOOK_S)
    used = {name: cpu_ms(processes.pid(name)) for name in names}
    return _Moment(time.monotonic(), lines[-1], used, threads_ms(processes.pid("sender")))


def _row(begun: _Moment, ended: _Moment, *, viewers: int, several: bool, churn_s: float) -> ViewersRow:
    """What lies between the two. Raises CallTooShort where nothing was coded."""
    lines = (begun.line, ended.line)
    frames, seconds = gained(lines, "keypoints", "totals", "frames"), gained(lines, "time_s")
    if not frames or not seconds:
        raise CallTooShort("the call was too short to measure: no frame was coded")
    used = {name: ended.cpu_ms[name] - begun.cpu_ms[name] for name in begun.cpu_ms}

    def kbps(name: str) -> float:
        return gained(lines, "keypoints", "totals", name) * 8 / 1000 / seconds

    return ViewersRow(
        viewers=viewers,
        several=several,
        churn_s=churn_s,
        frames=round(frames),
        fps=frames / seconds,
        sender_ms=used["sender"] / frames,
        coding_ms=(ended.coding_ms - begun.coding_ms) / frames,
        audience_ms=used.get("audience", 0.0) / frames / max(1, viewers - 1),
        server_ms_per_s=used["signaling"] / seconds,
        payload_kbps=kbps("payload_bytes"),
        wire_kbps=kbps("wire_bytes"),
        back_kbps=kbps("wire_back_bytes"),
        keyframes=round(gained(lines, "counts", "keyframes")),
        catch_ups=round(gained(lines, "counts", "catch_ups")),
        joins=round(gained(lines, "counts", "joins")),
    )
