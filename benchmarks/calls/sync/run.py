"""Stages 1 to 10, timed: how far sound and pictures of one moment are apart, and how long each took, over loopback."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.calls.call import SETTLE_S, gained, run_call
from benchmarks.calls.pinning import load_before, pinned
from benchmarks.calls.sync.marks import LEAST_APART_S, sides, write_marked
from benchmarks.errors import CallTooShort, SettingError
from benchmarks.records.spread import Spread
from benchmarks.records.terminal import Tick
from codec.sound import SAMPLE_RATE
from sender.options import SenderOptions

__all__ = [
    "TARGET_MS",
    "Mode",
    "SyncResult",
    "SyncRow",
    "SyncSettings",
    "bursts",
    "flips_us",
    "loudness",
    "measure_sync",
    "onsets_us",
    "sync_row",
]

Mode = Literal["auto", "keypoints", "h264"]

DEFAULT_BUNDLE = SenderOptions().bundle
TARGET_MS = 40.0  # of |A-V| at the 95th percentile
DELAY_TARGETS_MS = {2: 200.0, DEFAULT_BUNDLE: 300.0}
RATES = (10, 12, 15, 16, 20, 24, 25, 30)  # whole pictures of sound samples
LEAST_S = 6.0
SPARE_S = 15.0  # of clip, for a call that begins slowly: it is not to start again within what counts
NEAR_S = LEAST_APART_S / 2
LOUD = 0.3  # of the loudest, from where on a burst has begun
QUIET_S = 0.3  # before it
WINDOW_S = 0.002


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """What is called, over what lines, and how long."""

    losses: tuple[float, ...] = (0.0, 0.05)  # parts of the packets, each way
    bundles: tuple[int, ...] = (DEFAULT_BUNDLE,)
    modes: tuple[Mode, ...] = ("keypoints",)  # of the sender
    size: int = 256
    fps: int = 25
    seconds: float = 30.0
    seed: int = 1
    threads: int = 2

    def __post_init__(self) -> None:
        if self.seconds < LEAST_S:
            raise SettingError(f"--seconds {self.seconds:g}: {LEAST_S:g} and more")
        if self.fps not in RATES:
            raise SettingError(f"--fps {self.fps}: one of {', '.join(map(str, RATES))}")
        if any(not 0 <= loss < 0.5 for loss in self.losses):
            raise SettingError(f"--loss {max(self.losses):g}: from 0 to under 0.5")
        if any(not 1 <= bundle <= 16 for bundle in self.bundles):
            raise SettingError(f"--bundle {max(self.bundles)}: 1 to 16 frames")


@dataclass(frozen=True, slots=True)
class SyncRow:
    """One call. `apart_ms` has a value for each mark that was both seen and heard: sound later is positive."""

    loss: float
    bundle: int
    fps_sent: float  # coded, by either codec: less than what was played where the machine could not keep up
    marks: int  # sent while it counted
    apart_ms: tuple[float, ...]
    apart_p95_ms: float  # of the absolute values
    ear_ms: Spread  # from mouth to ear
    screen_ms: Spread  # from camera to screen
    met: bool
    delay_target_ms: float | None
    delay_met: bool | None  # by the medians of both
    mode: Mode = "keypoints"


@dataclass(frozen=True, slots=True)
class SyncResult:
    """All calls, and where they ran."""

    rows: tuple[SyncRow, ...]
    cores: tuple[int, ...]
    load_before: float | None


def measure_sync(clip: Path, settings: SyncSettings, *, tick: Tick = lambda *_: None) -> SyncResult:
    """One call for each mode, bundle and loss.

    Raises ClipError, SettingError, ProcessFailed, CallTooShort, MediaError.
    """
    load = load_before()
    with pinned(settings.threads) as cores:
        rows = [
            one_call(clip, settings, loss=loss, bundle=bundle, mode=mode, tick=tick)
            for mode in settings.modes
            for bundle in settings.bundles
            for loss in settings.losses
        ]
    return SyncResult(tuple(rows), cores, load)


def one_call(
    clip: Path, settings: SyncSettings, *, loss: float, bundle: int, tick: Tick, mode: Mode = "keypoints"
) -> SyncRow:
    """The marked clip through one call, the receiver keeping what it shows and plays."""
    name, size, total_s = f"{mode}, loss {loss:.0%}, bundle {bundle}", settings.size, settings.seconds + SETTLE_S
    with tempfile.TemporaryDirectory(prefix="facewire-sync-") as text:
        folder = Path(text)
        marks_s = write_marked(clip, folder / "clip.mkv", size=size, seconds=total_s + SPARE_S, fps=settings.fps)
        run = run_call(
            folder / "clip.mkv",
            folder,
            size=size,
            seconds=settings.seconds,
            sender=["--mode", mode, "--bundle", str(bundle), "--microphone", "input"],
            receiver=["--kept", str(folder / "kept.npz"), "--loss", str(loss), "--seed", str(settings.seed)],
            viewer="benchmarks.calls.sync.viewer",
            watch=lambda passed_s: tick(name, min(1.0, passed_s / total_s)),
        )
        with np.load(folder / "kept.npz") as kept:
            shown_us, heard = kept["shown_us"], kept["heard"]
            seen_us = flips_us(sides(clip, kept["greys"], size=size), shown_us)
            heard_us = onsets_us(heard, from_us=int(kept["heard_from_us"]))
    tick(name, 1.0)
    origin_us = run.sender[-1]["pts_origin_us"]
    if origin_us is None or not len(shown_us):
        raise CallTooShort("the call was too short to measure: no picture was shown")
    sent_us = [origin_us + at_s * 1e6 for at_s in marks_s]
    counted = [at for at in sent_us if shown_us[0] + SETTLE_S * 1e6 <= at <= shown_us[-1] - NEAR_S * 1e6]
    sent = sum(gained(run.sender, kind, "totals", "frames") for kind in ("keypoints", "h264"))
    row = sync_row(counted, seen_us, heard_us, loss=loss, bundle=bundle, fps_sent=sent / gained(run.sender, "time_s"))
    return replace(row, mode=mode)


def flips_us(leans: NDArray[np.float32], shown_us: NDArray[np.int64]) -> list[float]:
    """When the speaker was first shown leaning to the other side."""
    turned = np.flatnonzero((leans[1:] > 0) != (leans[:-1] > 0)) + 1
    return [float(shown_us[index]) for index in turned]


def onsets_us(heard: NDArray[np.int16], *, from_us: int) -> list[float]:
    """When bursts began in sound whose first sample was heard at `from_us`."""
    return [from_us + float(at) * WINDOW_S * 1e6 for at in bursts(loudness(heard))]


def loudness(heard: NDArray[Any]) -> NDArray[np.float32]:
    """The largest sample of each whole `WINDOW_S`."""
    width = round(WINDOW_S * SAMPLE_RATE)
    whole = heard[: len(heard) // width * width].astype(np.float32)
    return np.asarray(np.abs(whole).reshape(-1, width).max(axis=1), np.float32)


def bursts(level: NDArray[np.float32]) -> list[int]:
    """The windows in which a burst began."""
    if not len(level):
        return []
    loud = np.flatnonzero(level > LOUD * max(1.0, float(np.percentile(level, 99))))
    before = [-(10**9), *loud[:-1]] if len(loud) else []
    return [int(at) for last, at in zip(before, loud, strict=True) if (at - last) * WINDOW_S > QUIET_S]


def sync_row(
    sent_us: Sequence[float],
    seen_us: Sequence[float],
    heard_us: Sequence[float],
    *,
    loss: float,
    bundle: int,
    fps_sent: float,
) -> SyncRow:
    """Marks that were sent, seen and heard at these times on one clock. Raises CallTooShort where none was both."""
    both = [
        (sent, seen, heard)
        for sent in sent_us
        if (seen := _first_after(seen_us, sent)) is not None and (heard := _first_after(heard_us, sent)) is not None
    ]
    if not both:
        raise CallTooShort(f"no mark of {len(sent_us)} was both seen ({len(seen_us)}) and heard ({len(heard_us)})")
    apart_ms = tuple((heard - seen) / 1000 for _, seen, heard in both)
    p95_ms = float(np.percentile(np.abs(apart_ms), 95))
    screen = Spread.of([(seen - sent) / 1000 for sent, seen, _ in both])
    ear = Spread.of([(heard - sent) / 1000 for sent, _, heard in both])
    target_ms = DELAY_TARGETS_MS.get(bundle)
    return SyncRow(
        loss=loss,
        bundle=bundle,
        fps_sent=fps_sent,
        marks=len(sent_us),
        apart_ms=apart_ms,
        apart_p95_ms=p95_ms,
        ear_ms=ear,
        screen_ms=screen,
        met=p95_ms <= TARGET_MS,
        delay_target_ms=target_ms,
        delay_met=None if target_ms is None else max(ear.median, screen.median) <= target_ms,
    )


def _first_after(times_us: Sequence[float], sent_us: float) -> float | None:
    """The first of these times that can be of what was sent then."""
    return min((at for at in times_us if 0 <= at - sent_us < LEAST_APART_S * 1e6), default=None)
