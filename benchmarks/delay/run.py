"""Stages 1 to 10, timed: from capture to display through a call over loopback, picture by picture, and by stage."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.calls.call import SETTLE_S, CallRun, Figures, gained, json_lines, run_call
from benchmarks.calls.pinning import load_before, pinned
from benchmarks.clips.clip import write_looping
from benchmarks.errors import CallTooShort, SettingError
from benchmarks.records.spread import Spread
from benchmarks.records.terminal import Tick
from sender.options import SenderOptions

DEFAULT_BUNDLE = SenderOptions().bundle
FPS = {256: 25.0, 512: 20.0}  # a rate that two ends on two cores are to hold: delays of an overloaded one say nothing
# ms, of the median, for a bundle of one and for the sender's default
TARGETS_MS = {
    256: {1: 80.0, DEFAULT_BUNDLE: 160.0},
    512: {1: 120.0, DEFAULT_BUNDLE: 200.0},
}
LEAST_S = 4.0
EDGE_S = 2.0
STAGES = ("capture", "encode", "bundle", "transport", "decode", "waiting")


@dataclass(frozen=True, slots=True)
class DelaySettings:
    """What is called, how long, and on how many cores."""

    sizes: tuple[int, ...] = (256, 512)
    bundles: tuple[int, ...] = (1, DEFAULT_BUNDLE)
    seconds: float = 15.0
    fps: float = 0.0  # 0: FPS of the size
    threads: int = 2

    def __post_init__(self) -> None:
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")
        if any(not 1 <= bundle <= 16 for bundle in self.bundles):
            raise SettingError(f"--bundle {max(self.bundles)}: 1 to 16 frames")
        if not 0 <= self.fps <= 60:
            raise SettingError(f"--fps {self.fps:g}: up to 60")

    def rate(self, size: int) -> float:
        """Frames a second at which the clip is played."""
        return self.fps or FPS[size]


@dataclass(frozen=True, slots=True)
class DelayRow:
    """One call. `stages_ms` add up to the median delay: what they are is in docs/speed.md."""

    size: int
    bundle: int
    fps: float  # played
    shown_fps: float
    delay_ms: Spread
    stages_ms: dict[str, float]
    target_ms: float | None
    met: bool | None
    details: dict[str, float]


@dataclass(frozen=True, slots=True)
class DelayResult:
    """All calls, and where they ran."""

    rows: tuple[DelayRow, ...]
    cores: tuple[int, ...]
    load_before: float | None  # processes that ran or waited in the minute before, where the system tells


def measure_delay(clip: Path, settings: DelaySettings, *, tick: Tick = lambda *_: None) -> DelayResult:
    """One call for each size and bundle. Raises ClipError, SettingError, ProcessFailed, CallTooShort, MediaError."""
    load = load_before()
    with pinned(settings.threads) as cores:
        rows = [
            one_call(clip, settings, size=size, bundle=bundle, tick=tick)
            for size in settings.sizes
            for bundle in settings.bundles
        ]
    return DelayResult(tuple(rows), cores, load)


def one_call(clip: Path, settings: DelaySettings, *, size: int, bundle: int, tick: Tick) -> DelayRow:
    """The clip played to and fro through a call, the receiver noting when each picture is shown."""
    name, total_s = f"{size}, bundle {bundle}", settings.seconds + SETTLE_S
    fps = settings.rate(size)
    with tempfile.TemporaryDirectory(prefix="facewire-delay-") as text:
        folder = Path(text)
        write_looping(clip, folder / "clip.mp4", size=size, seconds=settings.seconds, fps=fps)
        run = run_call(
            folder / "clip.mp4",
            folder,
            size=size,
            seconds=settings.seconds,
            sender=["--bundle", str(bundle)],
            receiver=["--pictures", str(folder / "pictures.jsonl")],
            viewer="benchmarks.delay.viewer",
            watch=lambda passed_s: tick(name, min(1.0, passed_s / total_s)),
        )
        delays_ms = picture_delays(json_lines(folder / "pictures.jsonl"), run.sender)
    tick(name, 1.0)
    return delay_row(run, delays_ms, size=size, bundle=bundle, fps=fps)


def picture_delays(pictures: Sequence[Figures], sender: Sequence[Figures]) -> list[float]:
    """Capture to display of each picture after the first `SETTLE_S`, in ms.

    A picture was captured at the sender's clock at pts 0, which its meter tells, plus its pts; both ends run on one
    machine, and its monotonic clock is one for all processes. Raises CallTooShort when there is no picture.
    """
    origin_us = sender[-1]["pts_origin_us"]
    if origin_us is None or not pictures:
        raise CallTooShort("the call was too short to measure: no picture was shown")
    from_us = pictures[0]["shown_us"] + SETTLE_S * 1e6
    delays_ms = [
        (one["shown_us"] - origin_us - one["pts"] * 100 / 9) / 1000 for one in pictures if one["shown_us"] >= from_us
    ]
    if not delays_ms:
        raise CallTooShort(f"the call was too short to measure: no picture was shown after the first {SETTLE_S:g} s")
    return delays_ms


def delay_row(run: CallRun, delays_ms: Sequence[float], *, size: int, bundle: int, fps: float) -> DelayRow:
    """The figures of one call from both ends' meters and from the pictures' own delays."""
    spread = Spread.of(delays_ms)
    target = TARGETS_MS.get(size, {}).get(bundle)
    stages = stage_split(run, spread.median, fps=fps)
    some = max(1, round(EDGE_S * fps))  # the playout delay grows at once and shrinks slowly: a call may still settle
    details = {
        "at first": median(delays_ms[:some]),
        "at last": median(delays_ms[-some:]),
        "playout delay": _middle(run.receiver, "playout_delay_ms"),
        "jitter": _middle(run.receiver, "jitter_ms"),
        "round trip": _middle(run.receiver, "round_trip_ms"),
        "fps sent": gained(run.sender, "keypoints", "totals", "frames") / gained(run.sender, "time_s"),
        "interpolated": gained(run.receiver, "playout", "interpolated"),
        "held": gained(run.receiver, "playout", "held"),
        "skipped": gained(run.receiver, "playout", "skipped"),
    }
    return DelayRow(
        size=size,
        bundle=bundle,
        fps=fps,
        shown_fps=gained(run.receiver, "counts", "shown") / gained(run.receiver, "time_s"),
        delay_ms=spread,
        stages_ms=stages,
        target_ms=target,
        met=None if target is None else spread.median <= target,
        details=details,
    )


def stage_split(run: CallRun, median_ms: float, *, fps: float) -> dict[str, float]:
    """Where the median delay goes, as far as the meters tell; the rest of it is waiting.

    A bundle's first frame waits for all the others and its last for none: (n - 1) / 2 intervals in the mean.
    """
    messages = gained(run.receiver, "keypoints", "totals", "motion_messages")
    frames = gained(run.receiver, "keypoints", "totals", "coded_frames")
    gathered = frames / messages if messages else 1.0
    known = {
        "capture": _stage(run.sender, "capture"),
        "encode": _stage(run.sender, "total"),
        "bundle": (gathered - 1) / 2 * 1000 / fps,
        "transport": _middle(run.receiver, "round_trip_ms") / 2,
        "decode": _stage(run.receiver, "read") + _stage(run.receiver, "render"),
    }
    return {**known, "waiting": max(0.0, median_ms - sum(known.values()))}


def _stage(lines: Sequence[Figures], name: str) -> float:
    return median([float(line["stages_ms"].get(name, 0.0)) for line in lines])


def _middle(lines: Sequence[Figures], name: str) -> float:
    values = [float(line[name]) for line in lines if line.get(name) is not None]
    return median(values) if values else 0.0
