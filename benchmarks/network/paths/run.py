"""Stages 1 to 10, measured between two homes: one call for each way, the real programs, their servers beside them."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.calls.call import json_lines
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.clips.clip import write_looping
from benchmarks.errors import SettingError
from benchmarks.network.paths.cases import CASES, Case
from benchmarks.network.paths.coturn import PORT, Coturn
from benchmarks.network.paths.internet import Internet
from benchmarks.network.voice import write_voice
from benchmarks.records.terminal import Tick

__all__ = ["PathRow", "PathSettings", "measure_paths"]

_STARTUP_S = 90.0
_SIGNALING = "8765"
_CLIP_S = 10.0
_LEAST_S = 5.0
_NO_WAY = "no connection to the other end"


@dataclass(frozen=True, slots=True)
class PathSettings:
    """What is tried, and how long each call is counted once its first picture is there."""

    names: tuple[str, ...] = tuple(CASES)
    seconds: float = 20.0
    mode: str = "keypoints"
    fps: float = 25.0
    size: int = 256
    sound: bool = True

    def __post_init__(self) -> None:
        if unknown := set(self.names) - set(CASES):
            raise SettingError(f"{', '.join(sorted(unknown))}: there are {', '.join(CASES)}")
        if self.seconds < _LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {_LEAST_S:g} and more")


@dataclass(frozen=True, slots=True)
class Line:
    """One end's line over the counted time, kbit/s: as its own meter has it, and as the link carried it."""

    out_metered: float
    out_carried: float
    in_metered: float
    in_carried: float


@dataclass(frozen=True, slots=True)
class PathRow:
    """One call between two homes."""

    name: str
    says: str
    way: str  # as the receiver said, or why there was none
    as_expected: bool
    first_picture_s: float | None = None  # since the receiver came into the room
    fps: float | None = None
    sender: Line | None = None
    receiver: Line | None = None
    failure: str = ""


def measure_paths(clip: Path, settings: PathSettings, *, tick: Tick = lambda *_: None) -> list[PathRow]:
    """A row for each case. Raises LinkUnavailable, ClipError, MediaError."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="facewire-paths-") as text:
        folder = Path(text)
        looping, voice = folder / "clip.mp4", folder / "voice.wav"
        write_looping(clip, looping, size=settings.size, seconds=_CLIP_S, fps=settings.fps)
        write_voice(voice, seconds=30.0)
        for index, name in enumerate(settings.names):
            place = folder / str(index)
            place.mkdir()
            rows.append(_OneWay(place, settings, name=name, tick=tick).measure(looping, voice))
    return rows


class _OneWay:
    """One call, from the homes being made to the figures."""

    def __init__(self, folder: Path, settings: PathSettings, *, name: str, tick: Tick) -> None:
        self._folder, self._settings, self._name, self._tick = folder, settings, name, tick
        self._case: Case = CASES[name]

    def measure(self, clip: Path, voice: Path) -> PathRow:
        """Runs it. What fails in the programs is the row's `failure`."""
        with (
            Internet(self._folder, self._case) as internet,
            Coturn(self._folder, internet.server, prefix=internet.prefix("internet")) as coturn,
            Processes(self._folder / "logs") as processes,
        ):
            try:
                entered_s = self._start(internet, coturn, processes, clip, voice)
                return self._judge(internet, processes, entered_s)
            except ProcessFailed as failed:
                return self._row(failure=str(failed), way=self._said(processes), as_expected=False)

    def _start(self, internet: Internet, coturn: Coturn, processes: Processes, clip: Path, voice: Path) -> float:
        """Starts server and ends; when the receiver came into the room."""
        case, settings, folder = self._case, self._settings, self._folder
        processes.start(
            "signaling",
            "signaling",
            ["--host", internet.server, "--port", _SIGNALING],
            prefix=internet.prefix("internet"),
        )
        processes.wait_for("signaling", "listening on", timeout_s=_STARTUP_S)
        meets = ["--signal", f"ws://{internet.url_host}:{_SIGNALING}", "--room", "laboratory"]
        trusted = ["env", f"SSL_CERT_FILE={coturn.certificate}"]
        if case.stun:
            meets += ["--stun", f"stun:{internet.url_host}:{PORT}"]
        if case.turn:
            url = coturn.url(case.turn, host=internet.url_host, old=case.login == "old")
            trusted.append(f"FACEWIRE_TURN={url}")
        sound = ["--microphone", str(voice)] if settings.sound else []
        sends = [
            "--input",
            str(clip),
            "--loop",
            "--mode",
            case.mode or settings.mode,
            "--size",
            str(settings.size),
            *sound,
        ]
        processes.start(
            "sender", "sender", [*meets, *sends, "--json", str(folder / "sender.jsonl")],
            prefix=[*internet.prefix("sender"), *trusted],
        )  # fmt: skip
        processes.wait_for("sender", "waiting for a receiver", timeout_s=_STARTUP_S)
        heard = ["--sound", "--speaker", "none"] if settings.sound else []
        processes.start(
            "receiver", "receiver", [*meets, "--output", "null", *heard, "--json", str(folder / "receiver.jsonl")],
            prefix=[*internet.prefix("receiver"), *trusted],
        )  # fmt: skip
        processes.wait_for("receiver", "in room", timeout_s=_STARTUP_S)
        return time.monotonic()

    def _judge(self, internet: Internet, processes: Processes, entered_s: float) -> PathRow:
        """Whether the call comes about as it should, and its figures."""
        if self._case.why:
            line = processes.wait_for("receiver", _NO_WAY, timeout_s=_STARTUP_S)
            return self._row(way=_told(line), as_expected=self._case.why in line)
        processes.wait_for("receiver", "first picture", timeout_s=_STARTUP_S)
        first_s = time.monotonic() - entered_s
        since = self._moment(processes)
        until = since
        while until["receiver"]["time_s"] - since["receiver"]["time_s"] < self._settings.seconds:
            until = self._moment(processes)
            passed = (until["receiver"]["time_s"] - since["receiver"]["time_s"]) / self._settings.seconds
            self._tick(self._name, min(1.0, passed))
        way = self._said(processes)
        frames = [moment["receiver"]["keypoints"]["totals"].get("frames", 0) for moment in (since, until)]
        h264 = [moment["receiver"]["h264"]["totals"].get("frames", 0) for moment in (since, until)]
        seconds = until["receiver"]["time_s"] - since["receiver"]["time_s"]
        lines = {end: _line(internet.links[end].counts(), since[end], until[end]) for end in ("sender", "receiver")}
        return self._row(
            way=way,
            as_expected=self._case.way in way,
            first_picture_s=first_s,
            fps=(frames[1] - frames[0] + h264[1] - h264[0]) / seconds,
            **lines,
        )

    def _moment(self, processes: Processes) -> dict[str, Any]:
        """The next figures of both ends, each with the time at which they were there."""
        moment: dict[str, Any] = {}
        known = {end: len(json_lines(self._folder / f"{end}.jsonl")) for end in ("sender", "receiver")}
        give_up_s = time.monotonic() + _STARTUP_S
        while len(moment) < len(known):
            for end, count in known.items():
                lines = json_lines(self._folder / f"{end}.jsonl")
                if end not in moment and len(lines) > count:
                    moment[end] = {**lines[-1], "at_s": time.monotonic()}
            if processes.has_ended("sender") or processes.has_ended("receiver") or time.monotonic() > give_up_s:
                raise ProcessFailed("the call ended early: one of its ends did, or says nothing any more")
            time.sleep(0.02)
        return moment

    def _said(self, processes: Processes) -> str:
        """What the receiver said last of the way."""
        log = processes.log("receiver")
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        ways = [_told(line) for line in lines if "the call goes" in line or _NO_WAY in line]
        return ways[-1].removeprefix("the call goes ") if ways else ""

    def _row(self, *, way: str, as_expected: bool, **figures: Any) -> PathRow:
        self._tick(self._name, 1.0)
        return PathRow(name=self._name, says=self._case.says, way=way, as_expected=as_expected, **figures)


def _told(line: str) -> str:
    """A line of news without the time of day."""
    return line.strip().partition(" ")[2]


def _line(link: Sequence[dict[str, Any]], since: dict[str, Any], until: dict[str, Any]) -> Line:
    """One end's line between two moments; the link's A is the home."""
    seconds = until["at_s"] - since["at_s"]
    carried = [
        (_count_at(link, way, until["at_s"]) - _count_at(link, way, since["at_s"])) * 8 / 1000 / seconds
        for way in ("ab", "ba")
    ]
    metered = [_total(until, way) - _total(since, way) for way in ("out_bytes", "in_bytes")]
    return Line(
        out_metered=metered[0] * 8 / 1000 / seconds,
        out_carried=carried[0],
        in_metered=metered[1] * 8 / 1000 / seconds,
        in_carried=carried[1],
    )


def _total(figures: dict[str, Any], way: str) -> int:
    return int(figures["connection"][way])


def _count_at(link: Sequence[dict[str, Any]], way: str, at_s: float) -> float:
    """Bytes that home's end of the link has seen by then: sent into it, or come out of it."""
    name = "in_bytes" if way == "ab" else "out_bytes"
    before = [line for line in link if line["time_s"] <= at_s]
    return float(before[-1][way][name]) if before else 0.0


def row_of(row: dict[str, Any]) -> PathRow:
    """What `asdict` made of one."""
    lines = {end: None if row[end] is None else Line(**row[end]) for end in ("sender", "receiver")}
    return PathRow(**{**row, **lines})


def rows_as_dicts(rows: Sequence[PathRow]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(row) for row in rows]
