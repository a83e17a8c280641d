"""Stage 6, transport, measured: messages directly and through a Janus, over each of some links."""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.calls.sfu.janus import Janus
from benchmarks.errors import SettingError
from benchmarks.network.conditions import CONDITIONS
from benchmarks.network.hosts import Hosts
from benchmarks.network.run import LEAST_S, PORT, STARTUP_S
from benchmarks.records.terminal import Tick

__all__ = ["WAYS", "ForwardingRow", "ForwardingSettings", "measure_forwarding"]

WAYS = ("directly", "Janus")
_ENDS = "benchmarks.network.forwarding.ends"
_SETTLE_S = 2.0


@dataclass(frozen=True, slots=True)
class ForwardingSettings:
    """Over which links, and how long each."""

    names: tuple[str, ...] = ("plain", "loss 5")
    frames: tuple[int, ...] = (4, 1)  # in a message
    seconds: float = 40.0

    def __post_init__(self) -> None:
        if unknown := set(self.names) - set(CONDITIONS):
            raise SettingError(f"{', '.join(sorted(unknown))}: there are {', '.join(CONDITIONS)}")
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")


@dataclass(frozen=True, slots=True)
class ForwardingRow:
    """Messages of motion that took one way over one link."""

    name: str
    way: str
    frames: int
    messages: int  # that came
    lost: float  # percent
    delay_ms: tuple[float, float, float, float]  # median, 95th, 99th percentile, longest
    beyond_100_ms: float  # percent of those that came


def measure_forwarding(settings: ForwardingSettings, *, tick: Tick = lambda *_: None) -> list[ForwardingRow]:
    """A row for each link and way. Raises LinkUnavailable, JanusUnavailable, ProcessFailed."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="facewire-forwarding-") as text:
        for name in settings.names:
            for way, frames in product(WAYS, settings.frames):
                folder = Path(text) / f"{name}-{way}-{frames}".replace(" ", "-")
                folder.mkdir()
                rows.append(_one(folder, settings, name=name, way=way, frames=frames, tick=tick))
    return rows


def _one(folder: Path, settings: ForwardingSettings, *, name: str, way: str, frames: int, tick: Tick) -> ForwardingRow:
    notes = folder / "notes"
    with Hosts(folder) as hosts, ExitStack() as servers, Processes(folder / "logs") as processes:
        on_sender, on_receiver = hosts.prefix("sender"), hosts.prefix("receiver")
        if way == "Janus":
            janus = servers.enter_context(Janus(folder, address=hosts.sender_ip, port=int(PORT), prefix=on_sender))
            at = ["--sfu", janus.url]
        else:
            processes.start("signaling", "signaling", ["--host", "0.0.0.0", "--port", PORT], prefix=on_sender)
            processes.wait_for("signaling", "listening on", timeout_s=STARTUP_S)
            at = ["--signal", f"ws://{hosts.sender_ip}:{PORT}"]
        processes.start("send", _ENDS, ["send", *at, "--frames", str(frames)], prefix=on_sender)
        processes.wait_for("send", "waiting", timeout_s=STARTUP_S)
        processes.start("receive", _ENDS, ["receive", *at, "--notes", str(notes)], prefix=on_receiver)
        for end in ("receive", "send"):
            processes.wait_for(end, "connected", timeout_s=STARTUP_S)
        time.sleep(_SETTLE_S)
        hosts.link.set(CONDITIONS[name].wire)
        time.sleep(_SETTLE_S)
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < settings.seconds:
            if processes.has_ended("send") or processes.has_ended("receive"):
                raise ProcessFailed("an end ended early")
            tick(f"{way}, {name}, {frames}", passed_s / settings.seconds)
            time.sleep(0.5)
        end_s = time.monotonic()
        time.sleep(_SETTLE_S)
        tick(f"{way}, {name}, {frames}", 1.0)
        return _row(notes.read_text(), name=name, way=way, frames=frames, begun_s=begun_s, end_s=end_s)


def _row(notes: str, *, name: str, way: str, frames: int, begun_s: float, end_s: float) -> ForwardingRow:
    """Of messages that left between the two. Those that never came are known by the numbers that are missing."""
    noted = np.array([[int(word) for word in line.split()] for line in notes.splitlines()], np.int64).reshape(-1, 3)
    counted = noted[(noted[:, 1] >= begun_s * 1e9) & (noted[:, 1] < end_s * 1e9)]
    if len(counted) < 2:
        raise ProcessFailed(f"{way} over {name}: nothing came")
    delays_ms = (counted[:, 2] - counted[:, 1]) / 1e6
    middle, late, latest = (float(np.percentile(delays_ms, part)) for part in (50, 95, 99))
    sent = counted[:, 0].max() - counted[:, 0].min() + 1
    return ForwardingRow(
        name=name,
        way=way,
        frames=frames,
        messages=len(counted),
        lost=100 * (1 - len(counted) / int(sent)),
        delay_ms=(middle, late, latest, float(delays_ms.max())),
        beyond_100_ms=100 * float((delays_ms > 100).mean()),
    )
