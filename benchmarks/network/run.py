"""Stages 1 to 10, measured over a bad link: one call for each condition, the real programs on two hosts."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.calls.call import json_lines
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.calls.sfu.janus import Janus
from benchmarks.clips.clip import load_clip, write_looping
from benchmarks.errors import SettingError
from benchmarks.network.conditions import CONDITIONS, Condition
from benchmarks.network.fidelity import shown_psnr
from benchmarks.network.figures import NetworkRow, Shown, network_row
from benchmarks.network.hosts import Hosts
from benchmarks.network.voice import write_voice
from benchmarks.records.terminal import Tick

__all__ = ["JanusAt", "NetworkSettings", "measure_network"]

JanusAt = Literal["", "sender", "receiver"]

STARTUP_S = 90.0
SETTLE_S = 4.0  # after the first picture, before the condition begins to count
LEAST_S = 5.0
CLIP_S = 10.0
PORT = "8765"


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What is tried, how long each, and how the sender is told to send."""

    names: tuple[str, ...] = tuple(CONDITIONS)
    modes: tuple[str, ...] = ("keypoints",)
    seconds: float = 20.0
    fps: float = 25.0
    size: int = 256
    sound: bool = True
    sender: tuple[str, ...] = ()  # more flags
    sfu: JanusAt = ""  # through a Janus on that end's host: the link is then the way from it, or to it

    def __post_init__(self) -> None:
        if self.sfu and set(self.modes) != {"keypoints"}:
            raise SettingError("--sfu: only keypoints go through it: --mode keypoints")
        if unknown := set(self.names) - set(CONDITIONS):
            raise SettingError(f"{', '.join(sorted(unknown))}: there are {', '.join(CONDITIONS)}")
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")


def measure_network(clip: Path, settings: NetworkSettings, *, tick: Tick = lambda *_: None) -> list[NetworkRow]:
    """A row for each mode and condition. Raises LinkUnavailable, ClipError, MediaError, LinkUnavailable."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="facewire-network-") as text:
        folder = Path(text)
        looping, voice = folder / "clip.mp4", folder / "voice.wav"
        write_looping(clip, looping, size=settings.size, seconds=CLIP_S, fps=settings.fps)
        write_voice(voice, seconds=30.0)
        for mode in settings.modes:
            for name in settings.names:
                place = folder / f"{mode}-{name}".replace(" ", "-")
                place.mkdir()
                run = OneCall(place, settings, name=name, mode=mode, tick=tick)
                rows.append(run.measure(looping, voice))
    return rows


class OneCall:
    """One call over one network, from the hosts being made to the figures."""

    def __init__(self, folder: Path, settings: NetworkSettings, *, name: str, mode: str, tick: Tick) -> None:
        self._folder, self._settings, self._tick = folder, settings, tick
        self._name, self._mode = name, mode
        self._condition: Condition = CONDITIONS[name]

    def measure(self, clip: Path, voice: Path) -> NetworkRow:
        """Runs it. What fails in the programs is the row's `failure`."""
        condition, failure = self._condition, ""
        first_picture_s, begin_s, end_s = None, 0.0, 0.0
        with Hosts(self._folder) as hosts, ExitStack() as servers:
            if condition.early:
                self._set(hosts)
            with Processes(self._folder / "logs") as processes:
                try:
                    at = self._meeting_point(hosts, processes, servers)
                    first_picture_s = self._start(hosts, processes, clip, voice, at=at)
                    time.sleep(SETTLE_S)
                    begin_s = time.monotonic()
                    self._go_on(hosts, processes, begin_s)
                except ProcessFailed as failed:
                    failure = str(failed)
                    begin_s = begin_s or time.monotonic() - 1
                end_s = time.monotonic()
                said = [line for end in ("sender", "receiver") for line in self._said(processes, end)]
            counts = hosts.link.counts()
        pictures = shown_pictures(self._folder / "pictures")
        camera = load_clip(clip, size=self._settings.size, seconds=2 * CLIP_S)
        counted = {picture.pts for picture in pictures if begin_s <= picture.shown_s <= end_s}
        return network_row(
            name=self._name,
            mode=self._mode,
            condition=condition,
            begin_s=begin_s,
            end_s=end_s,
            first_picture_s=first_picture_s,
            pictures=pictures,
            psnr_db=shown_psnr(self._folder / "shown", camera, counted=counted),
            sender=json_lines(self._folder / "sender.jsonl"),
            receiver=json_lines(self._folder / "receiver.jsonl"),
            link=counts,
            failure=failure,
            said=said,
        )

    def _set(self, hosts: Hosts) -> None:
        hosts.link.set(self._condition.wire)
        if self._condition.to_sender is not None:
            hosts.link.set(self._condition.to_sender, "ba")

    def _meeting_point(self, hosts: Hosts, processes: Processes, servers: ExitStack) -> list[str]:
        """Starts what the two ends meet at; what they are told of it."""
        on_sender, at = hosts.prefix("sender"), self._settings.sfu
        if at:
            place = self._folder / "janus"
            place.mkdir()
            address, prefix = hosts.address(at), hosts.prefix(at)
            janus = servers.enter_context(Janus(place, address=address, port=int(PORT), prefix=prefix))
            return ["--sfu", janus.url]
        processes.start("signaling", "signaling", ["--host", "0.0.0.0", "--port", PORT], prefix=on_sender)
        processes.wait_for("signaling", "listening on", timeout_s=STARTUP_S)
        return ["--signal", f"ws://{hosts.sender_ip}:{PORT}"]

    def _start(self, hosts: Hosts, processes: Processes, clip: Path, voice: Path, *, at: Sequence[str]) -> float:
        """Starts both ends; seconds from the sender's word that somebody can come to the first picture."""
        settings, folder = self._settings, self._folder
        on_sender, on_receiver = hosts.prefix("sender"), hosts.prefix("receiver")
        url = [*at, "--room", "laboratory"]
        sound = ["--microphone", str(voice)] if settings.sound else []
        sends = ["--input", str(clip), "--loop", "--mode", self._mode, "--size", str(settings.size), *sound]
        told = ["--json", str(folder / "sender.jsonl"), *settings.sender]
        processes.start("sender", "sender", [*url, *sends, *told], prefix=on_sender)
        processes.wait_for("sender", "waiting for", timeout_s=STARTUP_S)
        heard = ["--sound", "--speaker", "none"] if settings.sound else []
        notes = [str(folder / "pictures"), str(folder / "shown")]
        watches = [*url, "--output", "null", *heard, "--json", str(folder / "receiver.jsonl")]
        processes.start("receiver", "benchmarks.network.viewer", [*notes, *watches], prefix=on_receiver)
        processes.wait_for("receiver", "in room", timeout_s=STARTUP_S)
        entered_s = time.monotonic()
        processes.wait_for("receiver", "first picture", timeout_s=STARTUP_S)
        return time.monotonic() - entered_s

    def _go_on(self, hosts: Hosts, processes: Processes, begin_s: float) -> None:
        """The condition, and its steps, for as long as it counts."""
        if not self._condition.early:
            self._set(hosts)
        steps = list(self._condition.steps)
        seconds = max(self._settings.seconds, self._condition.least_s)
        while (passed_s := time.monotonic() - begin_s) < seconds:
            while steps and steps[0].at_s <= passed_s:
                step = steps.pop(0)
                if step.wire is not None:
                    hosts.link.set(step.wire)
                if step.moves:
                    hosts.move_receiver()
            if processes.has_ended("sender") or processes.has_ended("receiver"):
                raise ProcessFailed("the call ended early: one of its ends did")
            self._tick(f"{self._mode}, {self._name}", min(1.0, passed_s / seconds))
            time.sleep(0.05)
        self._tick(f"{self._mode}, {self._name}", 1.0)

    def _said(self, processes: Processes, end: str) -> list[str]:
        """What the programs told people, the newest of it; files by their names alone."""
        if not processes.log(end).exists():
            return []
        lines = processes.log(end).read_text(errors="replace").replace(f"{self._folder.parent}/", "").splitlines()
        return [f"{end}: {line.strip()}" for line in lines if line.strip()][-40:]


def shown_pictures(path: Path) -> Sequence[Shown]:
    """What the viewer noted."""
    if not path.exists():
        return ()
    lines: list[Any] = [line.split() for line in path.read_text().splitlines()]
    return [Shown(kind, int(pts), int(us) / 1e6, mixed == "1") for kind, pts, us, mixed in lines]
