"""Stage 1, timed: echoes of known delay and drift through what a call does about them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.calls.echo.scene import ALONE_S, BOTH_S, NEAR_S, Scene, echo_of
from benchmarks.calls.pinning import load_before, pinned
from benchmarks.errors import SettingError
from benchmarks.records.terminal import Tick
from codec.sound import SAMPLE_RATE, Samples
from codec.sound.echo import ECHO_FRAME, ECHO_LAG, EchoCanceller
from sender.sound.echo import EchoFree
from sender.sound.sources import Block

__all__ = ["STEP_S", "EchoResult", "EchoRow", "EchoSettings", "distance_db", "echo_row", "measure_echo", "through"]

STEP_S = 0.1  # of the levels over time
SETTLED_S = 4.0
PARTS_S = ((SETTLED_S, ALONE_S), (ALONE_S + 1, ALONE_S + NEAR_S), (ALONE_S + NEAR_S, ALONE_S + NEAR_S + BOTH_S))
GONE_DB = -20.0  # what counts as cancelled, for how soon it is
GIVEN = SAMPLE_RATE // 50  # samples that a loudspeaker is given at a time
SPEAKING_DB = -50.0  # from where on a window counts
SPECTRUM = SAMPLE_RATE // 50  # samples of a window whose spectrum is looked at
LOWEST_HZ, HIGHEST_HZ = 100, 7000
FLOOR = 1e-4  # of the power in a band: what is below is silence

Make = Callable[[], EchoCanceller]


@dataclass(frozen=True, slots=True)
class EchoSettings:
    """Which echoes."""

    delays_ms: tuple[float, ...] = (40.0, 100.0, 200.0)
    drifts_ppm: tuple[float, ...] = (0.0, 200.0)
    loudness_db: tuple[float, ...] = (-6.0,)
    threads: int = 1

    def __post_init__(self) -> None:
        if any(not 10 <= delay <= 1000 for delay in self.delays_ms):
            raise SettingError("--delay-ms: 10 to 1000")
        if any(abs(drift) > 1000 for drift in self.drifts_ppm):
            raise SettingError("--drift-ppm: -1000 to 1000")
        if any(not -60 <= loudness <= 20 for loudness in self.loudness_db):
            raise SettingError("--loudness-db: -60 to 20")


@dataclass(frozen=True, slots=True)
class EchoRow:
    """One echo. In dB; levels over time against full scale, each `STEP_S`."""

    loudness_db: float  # against what is played
    delay_ms: float
    drift_ppm: float
    left_db: float  # of the echo, while the far end alone speaks, after some seconds
    gone_after_s: float | None  # when it was first under `GONE_DB`, and stayed there for a second
    near_level_db: float  # of who speaks while nothing is played, against what was said
    near_distance_db: float  # and how far spectra are apart
    both_level_db: float  # of who speaks while something is played, against the same when nothing is
    both_distance_db: float  # how far spectra are apart from the same when nothing is played
    echo_distance_db: float  # ... and would be without a canceller
    both_snr_db: float  # ... and as signal to noise
    echo_snr_db: float
    ms_per_frame: float  # of CPU time, for 10 ms of sound
    heard_db: tuple[float, ...]
    left_over_time_db: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class EchoResult:
    """All rows, and where they ran."""

    rows: tuple[EchoRow, ...]
    cores: tuple[int, ...]
    load_before: float | None


def measure_echo(
    scene: Scene, settings: EchoSettings, *, make: Make = EchoCanceller, tick: Tick = lambda *_: None
) -> EchoResult:
    """A row for each loudness, delay and drift. Raises ExtraMissing, SettingError."""
    load, rows = load_before(), list[EchoRow]()
    with pinned(settings.threads) as cores:
        for loudness_db, drift_ppm, delay_ms in product(settings.loudness_db, settings.drifts_ppm, settings.delays_ms):
            row = echo_row(scene, loudness_db=loudness_db, delay_ms=delay_ms, drift_ppm=drift_ppm, make=make)
            rows.append(row)
            tick(f"{loudness_db:g} dB, {delay_ms:g} ms, {drift_ppm:g} ppm", 1.0)
    return EchoResult(tuple(rows), cores, load)


def echo_row(scene: Scene, *, loudness_db: float, delay_ms: float, drift_ppm: float, make: Make) -> EchoRow:
    """One echo through the canceller, and the same voice where there is none."""
    said = scene.near + scene.noise
    heard = said + echo_of(scene.far, loudness_db=loudness_db, delay_ms=delay_ms, drift_ppm=drift_ppm)
    left, seconds = through(heard, scene.far, make=make)
    alone, _ = through(said, np.zeros_like(scene.far), make=make)  # what it makes of the voice by itself
    far_alone, near_alone, both = (_span(begin_s, end_s) for begin_s, end_s in PARTS_S)
    return EchoRow(
        loudness_db=loudness_db,
        delay_ms=delay_ms,
        drift_ppm=drift_ppm,
        left_db=level_db(left[far_alone]) - level_db(heard[far_alone]),
        gone_after_s=_gone_after_s(heard[: far_alone.stop], left[: far_alone.stop]),
        near_level_db=level_db(left[near_alone]) - level_db(said[near_alone]),
        near_distance_db=distance_db(left[near_alone], said[near_alone]),
        both_level_db=_gain_db(left[both], alone[both]),
        both_distance_db=distance_db(left[both], alone[both]),
        echo_distance_db=distance_db(heard[both], said[both]),
        both_snr_db=level_db(alone[both]) - level_db(left[both] - alone[both]),
        echo_snr_db=level_db(said[both]) - level_db(heard[both] - said[both]),
        ms_per_frame=1000 * seconds / (len(said) / ECHO_FRAME),
        heard_db=tuple(_levels(heard).round(1).tolist()),
        left_over_time_db=tuple(_levels(left).round(1).tolist()),
    )


def _span(begin_s: float, end_s: float) -> slice:
    return slice(round(begin_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE))


class _Devices:
    """A loudspeaker that is given 20 ms at a time, just before they are played, and a microphone that gives 10."""

    label = "microphone of the scene"

    def __init__(self, heard: Samples, played: Samples) -> None:
        self._heard, self._played = heard, played
        self.give: Callable[[Samples], None] = lambda samples: None

    async def run(self, deliver: Callable[[Block], None]) -> None:
        """From the first sample to the last."""
        for at in range(0, len(self._heard) - ECHO_FRAME + 1, ECHO_FRAME):
            if at % GIVEN == 0:
                self.give(self._played[at : at + GIVEN])
            deliver(Block(self._heard[at : at + ECHO_FRAME], at / SAMPLE_RATE))


def through(heard: Samples, played: Samples, *, make: Make) -> tuple[Samples, float]:
    """What leaves of what is `heard` while something is `played`, in step with it, (N,), and CPU seconds."""
    blocks, canceller = list[Samples](), make()
    devices = _Devices(heard, played)
    free = EchoFree(devices, say=lambda text: None, make=lambda: canceller)
    devices.give = free.played
    begun_s = time.process_time()
    asyncio.run(free.run(lambda block: blocks.append(block.samples)))
    seconds = time.process_time() - begun_s
    left = np.concatenate(blocks)[ECHO_LAG:]
    return np.concatenate([left, np.zeros(len(heard) - len(left), np.float32)]), seconds


def level_db(samples: Samples) -> float:
    """Mean power against full scale."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def distance_db(one: Samples, other: Samples) -> float:
    """Log-spectral distance, root mean square over the windows in which `other` is not silent."""
    first, second = _spectra_db(one), _spectra_db(other)
    speaking = _levels(other, step=SPECTRUM) > SPEAKING_DB
    return float(np.sqrt(np.mean((first - second)[speaking[: len(first)]] ** 2)))


def _spectra_db(samples: Samples) -> NDArray[np.float64]:
    windows = samples[: len(samples) // SPECTRUM * SPECTRUM].reshape(-1, SPECTRUM) * np.hanning(SPECTRUM)
    hertz = np.fft.rfftfreq(SPECTRUM, 1 / SAMPLE_RATE)
    power = np.abs(np.fft.rfft(windows, axis=1)[:, (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)]) ** 2
    return np.asarray(10 * np.log10(power + FLOOR))


def _levels(samples: Samples, *, step: int = round(STEP_S * SAMPLE_RATE)) -> NDArray[np.float64]:
    parts = samples[: len(samples) // step * step].reshape(-1, step)
    return np.asarray(10 * np.log10(np.mean(np.square(parts, dtype=np.float64), axis=1) + 1e-12))


def _gain_db(out: Samples, said: Samples) -> float:
    """How loud `said` is in `out`: what else is in it does not count."""
    return float(20 * np.log10(abs(float(np.dot(out, said))) / float(np.dot(said, said)) + 1e-6))


def _gone_after_s(heard: Samples, left: Samples) -> float | None:
    """The first moment from which, for a second, no window with an echo in it has more than `GONE_DB` left."""
    before, after = _levels(heard), _levels(left)
    good = (before < SPEAKING_DB) | (after - before < GONE_DB)
    second = round(1 / STEP_S)
    return next((at * STEP_S for at in range(len(good) - second) if good[at : at + second].all()), None)
