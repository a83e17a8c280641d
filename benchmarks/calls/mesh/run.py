"""Stages 1 to 10, counted: what one end of a call of several does, against others that replay, over loopback.

The end is the program as people run it: it codes its picture and its voice once, sends them to all, and decodes all of
theirs. The others are in one process, so what they take of the cores is little; it is told beside.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks.calls.call import SETTLE_S, STARTUP_S, Figures, json_lines, resident_mb
from benchmarks.calls.pinning import load_before, pinned
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.calls.viewers.run import cpu_ms, threads_ms
from benchmarks.clips.clip import write_looping
from benchmarks.clips.tone import write_tone
from benchmarks.errors import CallTooShort, SettingError
from benchmarks.records.terminal import Tick

__all__ = ["MeshResult", "MeshRow", "MeshSettings", "measure_mesh"]

LEAST_S = 4.0
MOST_OTHERS = 3  # that `facewire call` takes
RECORDED_S = 8.0  # of the stream that is replayed, over and over
TONE_HZ = 300.0
LOOK_S = 0.1
TARGET_FPS = 15.0


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """How many there are, how fast their pictures come, and how long it counts."""

    others: int = MOST_OTHERS
    fps: tuple[float, ...] = (TARGET_FPS, 25.0)
    seconds: float = 20.0
    size: int = 256
    threads: int = 2  # of the machine's cores, for all of it

    def __post_init__(self) -> None:
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")
        if not 1 <= self.others <= MOST_OTHERS:
            raise SettingError(f"--others {self.others}: 1 to {MOST_OTHERS}")
        if any(not 1 <= fps <= 60 for fps in self.fps):
            raise SettingError(f"--fps {max(self.fps):g}: 1 to 60")


@dataclass(frozen=True, slots=True)
class MeshRow:
    """One call: pictures a second that were asked for, and what became of them."""

    others: int
    fps: float
    sent_fps: float  # that came to each of the others, on the mean
    seen_fps: tuple[float, ...]  # of each of the others, shown
    delay_ms: float | None  # capture to display of what the others send, median
    sound_lost: float  # part of the voices' frames that were made up
    end_ms_per_s: float  # CPU of the end
    loop_ms_per_s: float  # the part of it in its event loop: channels, sound, reports
    end_mb: float | None  # that the end holds
    replay_ms_per_s: float  # CPU of the process of all others
    load: float | None  # of the machine, when the counting ended


@dataclass(frozen=True, slots=True)
class MeshResult:
    """All calls, and where they ran."""

    rows: tuple[MeshRow, ...]
    load_before: float | None
    cores: tuple[int, ...]


def measure_mesh(clip: Path, settings: MeshSettings, *, tick: Tick = lambda *_: None) -> MeshResult:
    """A call for each rate. Raises ClipError, SettingError, ProcessFailed, CallTooShort, MediaError."""
    load = load_before()
    with tempfile.TemporaryDirectory(prefix="facewire-mesh-") as text, pinned(settings.threads) as cores:
        rows = [one_call(clip, Path(text) / f"{fps:g}", settings, fps=fps, tick=tick) for fps in settings.fps]
    return MeshResult(tuple(rows), load, cores)


def one_call(clip: Path, folder: Path, settings: MeshSettings, *, fps: float, tick: Tick) -> MeshRow:
    """One call, counted from a while after all see each other."""
    folder.mkdir()
    played, stream, voice = folder / "clip.mp4", folder / "stream.fw", folder / "voice.wav"
    seen, sent = folder / "seen.jsonl", folder / "sent.jsonl"
    write_looping(clip, played, size=settings.size, seconds=RECORDED_S, fps=fps)
    write_tone(voice, TONE_HZ)
    _record(played, stream, size=settings.size)
    name = f"{settings.others} others, {fps:g} pictures a second"
    with Processes(folder / "logs") as processes:
        processes.start("signaling", "signaling", ["--port", "0"])
        url = processes.wait_for("signaling", "listening on", timeout_s=STARTUP_S).split()[-1]
        room = ["--signal", url, "--room", "mesh"]
        replayed = ["--stream", str(stream), "--voice", str(voice), "--ends", str(settings.others)]
        processes.start("replay", "benchmarks.calls.mesh.replay", [*room, *replayed, "--json", str(sent)])
        _wait(processes, lambda: len(json_lines(sent)) > 0)  # they are in the room: the end meets all of them at once
        end = ["--input", str(played), "--loop", "--mode", "keypoints", "--microphone", str(voice), "--speaker", "none"]
        end += ["--output", "null", "--size", str(settings.size), "--json", str(seen)]
        processes.start("end", "facewire", ["call", *room, *end])
        _wait(processes, lambda: _are_seen(json_lines(seen), settings.others))
        begun = _moment(processes, wait_s=SETTLE_S)
        while (left_s := begun.at_s + settings.seconds - time.monotonic()) > 0:
            processes.has_ended("end")
            tick(name, max(0.0, 1 - left_s / settings.seconds))
            time.sleep(min(left_s, 0.5))
        ended, load = _moment(processes, wait_s=0.0), load_before()
        lines, came = json_lines(seen), json_lines(sent)
    tick(name, 1.0)
    return _row(begun, ended, lines, came, settings=settings, fps=fps, load=load)


def _record(played: Path, stream: Path, *, size: int) -> None:
    """What the others send: the clip, coded as a call codes it. Raises ProcessFailed."""
    command = [sys.executable, "-m", "codec", "encode", str(played), str(stream), "--preset", "realtime"]
    done = subprocess.run([*command, "--size", str(size), "--no-sound"], capture_output=True, text=True)
    if done.returncode:
        raise ProcessFailed(f"coding the stream failed: {(done.stderr.splitlines() or ['?'])[-1]}")


@dataclass(frozen=True, slots=True)
class _Moment:
    """CPU times at a moment of the clock that the processes share."""

    at_s: float
    end_ms: float
    threads_ms: float  # of the end, without its main one
    replay_ms: float
    end_mb: float | None = None


def _moment(processes: Processes, *, wait_s: float) -> _Moment:
    time.sleep(wait_s)
    end, held = processes.pid("end"), resident_mb(processes.pid("end"))
    used = (cpu_ms(end), threads_ms(end), cpu_ms(processes.pid("replay")))
    return _Moment(time.monotonic(), *used, end_mb=None if held is None else held[0])


def _wait(processes: Processes, is_so: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + STARTUP_S
    while not is_so():
        if any(processes.has_ended(name) for name in ("signaling", "replay")) or time.monotonic() > give_up_s:
            raise ProcessFailed("the ends did not come to see each other")
        time.sleep(LOOK_S)


def _of_each(lines: Sequence[Figures]) -> dict[str, list[Figures]]:
    """The meter's lines of each of the others, by the name that the end gives it; of calls with one alone none."""
    named = [line for line in lines if line.get("end")]
    return {end: [line for line in named if line["end"] == end] for end in {line["end"] for line in named}}


def _are_seen(lines: Sequence[Figures], others: int) -> bool:
    of_each = _of_each(lines) if others > 1 else {"": list(lines)}
    return sum(any(line["shown_fps"] for line in one) for one in of_each.values()) == others


def _row(
    begun: _Moment,
    ended: _Moment,
    lines: Sequence[Figures],
    came: Sequence[Figures],
    *,
    settings: MeshSettings,
    fps: float,
    load: float | None,
) -> MeshRow:
    """What lies between the two. Raises CallTooShort where too little was counted."""
    seconds = ended.at_s - begun.at_s
    counted = [line for line in came if begun.at_s <= line["time_s"] <= ended.at_s]
    of_each = _of_each(lines) if settings.others > 1 else {"": list(lines)}
    newest = {end: one[-max(2, int(seconds)) :] for end, one in of_each.items()}
    if len(counted) < 2 or any(len(one) < 2 for one in newest.values()):
        raise CallTooShort("the call was too short to measure")
    span_s = counted[-1]["time_s"] - counted[0]["time_s"]
    gained = [after - before for before, after in zip(counted[0]["frames"], counted[-1]["frames"], strict=True)]
    delays_ms = [line["keypoints"]["delay_ms"] for one in newest.values() for line in one]
    known_ms = [delay_ms for delay_ms in delays_ms if delay_ms is not None]
    played, made_up = (sum(_more(one, *names) for one in newest.values()) for names in (("played",), _MADE_UP))
    return MeshRow(
        others=settings.others,
        fps=fps,
        sent_fps=mean(gained) / span_s,
        seen_fps=tuple(sorted(mean(line["shown_fps"] for line in one) for one in newest.values())),
        delay_ms=median(known_ms) if known_ms else None,
        sound_lost=made_up / max(1, played),
        end_ms_per_s=(ended.end_ms - begun.end_ms) / seconds,
        loop_ms_per_s=(ended.end_ms - ended.threads_ms - begun.end_ms + begun.threads_ms) / seconds,
        end_mb=ended.end_mb,
        replay_ms_per_s=(ended.replay_ms - begun.replay_ms) / seconds,
        load=load,
    )


_MADE_UP = ("concealed", "stretched")


def _more(lines: Sequence[Figures], *names: str) -> int:
    """By how much counts of sound have grown."""
    return sum(lines[-1]["sound"].get(name, 0) - lines[0]["sound"].get(name, 0) for name in names)
