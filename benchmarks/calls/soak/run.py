"""Stages 1 to 10, measured for long: one call over a line that loses, looked at every few seconds."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.calls.call import STARTUP_S, json_lines
from benchmarks.calls.pinning import load_before
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.calls.soak.end import HEARD
from benchmarks.calls.soak.line import Line, line_of
from benchmarks.calls.soak.process import Usage, usage_of
from benchmarks.calls.soak.series import EndSeries, ProcessSeries, apart, end_series, process_series
from benchmarks.calls.sync.marks import GRID, mark_times, sides, write_marked
from benchmarks.errors import CallTooShort, SettingError
from benchmarks.records.terminal import Tick

__all__ = ["SoakResult", "SoakSettings", "measure_soak", "settle_s"]

LEAST_S = 20.0
CLIP_S = 30.0
PORT = "8765"
ROOM = "soak"
ENDS = ("one", "other")  # the end that sends and the one that receives, where they differ
NEWS = 60  # lines of what the programs said that are kept


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """Which call, over which line, for how long."""

    seconds: float = 1800.0
    loss: float = 1.0  # percent, each way
    kbps: float = 0.0  # 0: the line carries all
    two_way: bool = False
    mode: str = "auto"
    every_s: float = 5.0
    size: int = 256
    fps: int = 25

    def __post_init__(self) -> None:
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")
        if not 0 <= self.loss < 50:
            raise SettingError(f"--loss {self.loss:g}: percent, from 0 to under 50")
        if not 1 <= self.every_s <= self.seconds / 4:
            raise SettingError(f"--every {self.every_s:g}: seconds, from 1 to a quarter of --seconds")


@dataclass(frozen=True, slots=True)
class SoakResult:
    """The call: moments in seconds since the first picture, and for each what processes and ends were."""

    line: str
    at_s: tuple[float, ...]
    load: tuple[float, ...]  # of the machine, in the minute before each
    processes: tuple[ProcessSeries, ...]
    ends: tuple[EndSeries, ...]
    said: tuple[str, ...]  # what the programs told people, without their tables
    load_before: float | None
    failure: str = ""


@dataclass(slots=True)
class Samples:
    """What was seen so far."""

    at_s: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    usages: dict[str, list[Usage]] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)  # of each end's meter, by then


def settle_s(seconds: float) -> float:
    """What is left out of trends: networks are loaded, buffers fill, delays are found."""
    return min(120.0, seconds / 5)


def measure_soak(clip: Path, settings: SoakSettings, *, tick: Tick = lambda *_: None) -> SoakResult:
    """The call, or what there was of it until it failed or was interrupted.

    Raises ClipError, MediaError, CallTooShort, ProcessFailed before the first picture, LinkUnavailable where a limited
    line cannot be made.
    """
    load = load_before()
    with tempfile.TemporaryDirectory(prefix="facewire-soak-") as text:
        folder = Path(text)
        # It ends a second after an even number of marks: where it begins anew, the speaker leans as before.
        marks_s = mark_times(CLIP_S, fps=settings.fps)
        length_s = marks_s[len(marks_s) // 2 * 2 - 1] + 1.0
        write_marked(clip, folder / "clip.mkv", size=settings.size, seconds=length_s, fps=settings.fps)
        call = SoakCall(folder, settings, tick=tick)
        with (
            line_of(ENDS, folder, loss=settings.loss, kbps=settings.kbps) as line,
            Processes(folder / "logs") as processes,
        ):
            begin_s = call.start(processes, line)
            failure = call.watch(processes, begin_s)
            said = call.said(processes)
        return call.result(clip, line.says, begin_s, said=said, load_before=load, failure=failure)


class SoakCall:
    """One call, and what is noted of it. `folder` has the clip."""

    def __init__(self, folder: Path, settings: SoakSettings, *, tick: Tick) -> None:
        self._folder, self._settings, self._tick = folder, settings, tick
        self._seeing = ENDS if settings.two_way else ENDS[1:]
        self._samples = Samples()

    def start(self, processes: Processes, line: Line) -> float:
        """Starts server and ends, and waits for the first picture at each that sees one; when that was."""
        here = line.prefixes.get(ENDS[0], ())
        processes.start("signaling", "signaling", ["--host", line.server_ip, "--port", PORT], prefix=here)
        processes.wait_for("signaling", "listening on", timeout_s=STARTUP_S)
        meets = ["--signal", f"ws://{line.server_ip}:{PORT}", "--room", ROOM, "--size", str(self._settings.size)]
        for end in ENDS:
            module, words = self._program(end, own_loss=line.own_loss if end == ENDS[1] else 0.0)
            processes.start(end, module, [*words, *meets], prefix=line.prefixes.get(end, ()))
            if end == ENDS[0]:
                processes.wait_for(end, "waiting for", timeout_s=STARTUP_S)
        for end in self._seeing:
            processes.wait_for(end, "first picture", timeout_s=STARTUP_S)
        return time.monotonic()

    def _program(self, end: str, *, own_loss: float) -> tuple[str, list[str]]:
        """A module and its first arguments."""
        sends = ["--input", str(self._folder / "clip.mkv"), "--loop", "--microphone", "input"]
        sends += ["--mode", self._settings.mode]
        sees = ["--output", "null", "--speaker", "none", "--json", str(self._meters(end))]
        notes = [str(self._folder / end), str(own_loss)]
        if self._settings.two_way:
            return "facewire.call.noted", [*notes, *sends, *sees]
        if end == ENDS[0]:
            return "sender", sends
        return "benchmarks.calls.soak.end", [*notes, *sees, "--sound"]

    def _meters(self, end: str) -> Path:
        return self._folder / f"{end}.jsonl"

    def watch(self, processes: Processes, begin_s: float) -> str:
        """Samples until the time is over; why it ended before, if it did."""
        settings, name = self._settings, f"{self._settings.loss:g} % lost"
        next_s = 0.0
        try:
            while (passed_s := time.monotonic() - begin_s) < settings.seconds:
                if any(processes.has_ended(end) for end in ENDS):
                    return f"the call ended after {passed_s:.0f} s: one of its ends did"
                if passed_s >= next_s:
                    next_s += settings.every_s
                    self._look(processes, passed_s)
                self._tick(name, passed_s / settings.seconds)
                time.sleep(min(0.5, settings.every_s / 4))
        except ProcessFailed as failed:
            return f"after {passed_s:.0f} s {failed}"
        except KeyboardInterrupt:
            return f"interrupted after {passed_s:.0f} s"
        self._tick(name, 1.0)
        return ""

    def _look(self, processes: Processes, passed_s: float) -> None:
        usages = {name: usage_of(processes.pid(name)) for name in (*ENDS, "signaling")}
        there = {name: usage for name, usage in usages.items() if usage is not None}
        if len(there) == len(usages):
            self.note(there, passed_s=passed_s)

    def note(self, usages: Mapping[str, Usage], *, passed_s: float) -> None:
        """What the processes hold, and how many seconds the ends' meters have told of."""
        samples = self._samples
        samples.at_s.append(passed_s)
        samples.load.append(load_before() or 0.0)
        for name, usage in usages.items():
            samples.usages.setdefault(name, []).append(usage)
        for end in self._seeing:
            samples.lines.setdefault(end, []).append(_count_lines(self._meters(end)))

    def said(self, processes: Processes) -> list[str]:
        """News of both ends: lines that begin with a time of day, and those that are no table's."""
        news = []
        for end in ENDS:
            lines = processes.log(end).read_text(errors="replace").splitlines()
            news += [f"{end}: {line}" for line in lines if line[:2].isdecimal() and line[2:3] == ":"][-NEWS:]
        return news

    def result(
        self, clip: Path, line: str, begin_s: float, *, said: Sequence[str], load_before: float | None, failure: str
    ) -> SoakResult:
        """All of it. Raises CallTooShort where nothing was sampled."""
        samples = self._samples
        if not samples.usages:
            raise CallTooShort(failure or "this system does not tell what processes hold (/proc)")
        names = (
            {"one": "one end", "other": "other end"}
            if self._settings.two_way
            else {"one": "sender", "other": "receiver"}
        )
        return SoakResult(
            line=line,
            at_s=tuple(samples.at_s),
            load=tuple(samples.load),
            processes=tuple(
                process_series(names.get(name, name), usages, samples.at_s) for name, usages in samples.usages.items()
            ),
            ends=tuple(self._end(end, names[end], clip, begin_s) for end in self._seeing),
            said=tuple(said),
            load_before=load_before,
            failure=failure,
        )

    def _end(self, end: str, name: str, clip: Path, begin_s: float) -> EndSeries:
        shown_us = np.fromfile(self._folder / f"{end}.shown", np.int64)
        greys = np.fromfile(self._folder / f"{end}.greys", np.uint8)
        heard = np.fromfile(self._folder / f"{end}.heard", HEARD)
        pictures = min(len(shown_us), len(greys) // GRID**2)
        leans = sides(clip, greys[: pictures * GRID**2].reshape(-1, GRID, GRID), size=self._settings.size)
        marks = apart(leans, shown_us[:pictures], heard["at_us"], heard["level"])
        counted = [(at_s - begin_s, ms) for at_s, ms in marks if at_s >= begin_s]
        return end_series(name, json_lines(self._meters(end)), self._samples.lines[end], marks=counted)


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
