"""Stages 1 to 7, counted: what a sender, a Janus and the wire spend on one viewer and on many, over loopback.

The sender, Janus and the audience, which decodes nothing, run in processes of their own; CPU time is what the kernel
has charged each with (/proc/PID/stat).
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calls.call import SETTLE_S, STARTUP_S, Figures, gained, json_lines
from benchmarks.calls.pinning import load_before
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.calls.sfu.janus import Janus
from benchmarks.calls.viewers.run import LEAST_S, LOOK_S, cpu_ms, threads_ms
from benchmarks.clips.clip import write_looping
from benchmarks.errors import CallTooShort, SettingError
from benchmarks.records.terminal import Tick

__all__ = ["SfuResult", "SfuRow", "SfuSettings", "measure_sfu"]

_MB = 1 << 20
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class SfuSettings:
    """How many watch, and how long it counts."""

    viewers: tuple[int, ...] = (1, 4, 8)
    seconds: float = 20.0
    size: int = 256
    fps: float = 25.0
    event_loops: int = 0  # of Janus; 0: a thread for each handle

    def __post_init__(self) -> None:
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")
        if min(self.viewers) < 1:
            raise SettingError("--viewers: 1 and more")


@dataclass(frozen=True, slots=True)
class SfuRow:
    """One call through Janus with `viewers`."""

    viewers: int
    fps: float
    sender_ms: float  # CPU of a frame
    coding_ms: float  # the part of it in the threads of the codec
    janus_ms_per_s: float  # CPU of Janus a second
    janus_threads: int
    janus_mb: float  # what it holds
    audience_ms_per_s: float  # CPU of a viewer a second
    out_kbps: float  # of the sender, as IP packets
    back_kbps: float
    viewer_kbps: float  # to one viewer, as IP packets
    viewer_back_kbps: float
    messages: float  # to one viewer, a second
    joining_keyframes: int  # from the first viewer's coming to the beginning of what counts


@dataclass(frozen=True, slots=True)
class SfuResult:
    """All calls, and where they ran."""

    rows: tuple[SfuRow, ...]
    load_before: float | None


def measure_sfu(clip: Path, settings: SfuSettings, *, tick: Tick = lambda *_: None) -> SfuResult:
    """A call for each number of viewers.

    Raises JanusUnavailable, ClipError, SettingError, ProcessFailed, CallTooShort.
    """
    load = load_before()
    with tempfile.TemporaryDirectory(prefix="facewire-sfu-") as text:
        played = Path(text) / "clip.mp4"
        write_looping(clip, played, size=settings.size, seconds=settings.seconds, fps=settings.fps)
        rows = []
        for viewers in settings.viewers:
            folder = Path(text) / str(viewers)
            folder.mkdir()
            rows.append(_Call(folder, settings, viewers=viewers, tick=tick).measure(played))
    return SfuResult(tuple(rows), load)


@dataclass(frozen=True, slots=True)
class _Moment:
    """The meters and the CPU times as the sender wrote a line."""

    line: Figures
    audience: Figures
    cpu_ms: dict[str, float]
    coding_ms: float


class _Call:
    """One call, from Janus's start to the figures."""

    def __init__(self, folder: Path, settings: SfuSettings, *, viewers: int, tick: Tick) -> None:
        self._folder, self._settings, self._viewers, self._tick = folder, settings, viewers, tick
        self._sent, self._seen = folder / "sender.jsonl", folder / "audience.jsonl"

    def measure(self, clip: Path) -> SfuRow:
        """Counts from a moment after all are there."""
        loops = self._settings.event_loops
        with Janus(self._folder, event_loops=loops) as janus, Processes(self._folder / "logs") as processes:
            both = ["--sfu", janus.url, "--room", "hall"]
            sends = ["--input", str(clip), "--loop", "--mode", "keypoints", "--json", str(self._sent)]
            processes.start("sender", "sender", [*both, "--size", str(self._settings.size), *sends])
            processes.wait_for("sender", "waiting for viewers", timeout_s=STARTUP_S)
            watches = ["--viewers", str(self._viewers), "--json", str(self._seen)]
            processes.start("audience", "benchmarks.calls.sfu.audience", [*both, *watches])
            processes.wait_for("audience", "all are there", timeout_s=STARTUP_S)
            time.sleep(SETTLE_S)
            pids = {"janus": janus.pid, **{name: processes.pid(name) for name in ("sender", "audience")}}
            begun = self._moment(processes, pids)
            self._wait(processes)
            ended = self._moment(processes, pids)
            holds = _held(janus.pid)
        return self._row(begun, ended, holds)

    def _wait(self, processes: Processes) -> None:
        end_s = time.monotonic() + self._settings.seconds
        while (left_s := end_s - time.monotonic()) > 0:
            if processes.has_ended("sender") or processes.has_ended("audience"):
                raise ProcessFailed("the call ended early")
            self._tick(f"{self._viewers} viewers", max(0.0, 1 - left_s / self._settings.seconds))
            time.sleep(min(left_s, 0.5))

    def _moment(self, processes: Processes, pids: dict[str, int]) -> _Moment:
        before, give_up_s = len(json_lines(self._sent)), time.monotonic() + STARTUP_S
        while len(lines := json_lines(self._sent)) <= before:
            if processes.has_ended("sender") or time.monotonic() > give_up_s:
                raise ProcessFailed("the sender ended early, or wrote no figures")
            time.sleep(LOOK_S)
        used = {name: cpu_ms(pid) for name, pid in pids.items()}
        return _Moment(lines[-1], json_lines(self._seen)[-1], used, threads_ms(pids["sender"]))

    def _row(self, begun: _Moment, ended: _Moment, holds: tuple[int, float]) -> SfuRow:
        """What lies between the two. Raises CallTooShort where nothing was coded."""
        lines, seen, viewers = (begun.line, ended.line), (begun.audience, ended.audience), self._viewers
        frames, seconds = gained(lines, "keypoints", "totals", "frames"), gained(lines, "time_s")
        seen_s = gained(seen, "time_s")
        if not frames or not seconds or not seen_s:
            raise CallTooShort("the call was too short to measure: no frame was coded")
        used = {name: ended.cpu_ms[name] - begun.cpu_ms[name] for name in begun.cpu_ms}
        return SfuRow(
            viewers=viewers,
            fps=frames / seconds,
            sender_ms=used["sender"] / frames,
            coding_ms=(ended.coding_ms - begun.coding_ms) / frames,
            janus_ms_per_s=used["janus"] / seconds,
            janus_threads=holds[0],
            janus_mb=holds[1],
            audience_ms_per_s=used["audience"] / seconds / viewers,
            out_kbps=gained(lines, "connection", "out_bytes") / 125 / seconds,
            back_kbps=gained(lines, "connection", "in_bytes") / 125 / seconds,
            viewer_kbps=gained(seen, "in_bytes") / 125 / seen_s / viewers,
            viewer_back_kbps=gained(seen, "out_bytes") / 125 / seen_s / viewers,
            messages=gained(seen, "messages") / seen_s / viewers,
            joining_keyframes=round(begun.line["counts"]["keyframes"]),
        )


def _held(pid: int) -> tuple[int, float]:
    """How many threads a process has, and how many MiB it holds."""
    threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return threads, pages * _PAGE / _MB
