"""Stage 10, meter (offline): what a long call was from moment to moment, and whether anything in it grew."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calls.soak.process import Usage
from benchmarks.calls.sync.run import bursts, flips_us

__all__ = ["EndSeries", "ProcessSeries", "Trend", "apart", "end_series", "process_series", "trend_of"]

Figures = dict[str, Any]
NEAR_US = 450_000  # a flip and a burst that are further apart are not of one mark


@dataclass(frozen=True, slots=True)
class ProcessSeries:
    """One process, a value for each sample."""

    name: str
    memory_mb: tuple[float, ...]
    threads: tuple[int, ...]
    descriptors: tuple[int, ...]
    cpu_percent: tuple[float, ...]  # of one core, since the sample before; 0 at the first


@dataclass(frozen=True, slots=True)
class EndSeries:
    """What one end was shown and heard, a value for each sample: of the time since the one before."""

    name: str
    fps: tuple[float, ...]
    delay_ms: tuple[float | None, ...]  # of the codec shown, capture to display: median of the seconds' medians
    delay_p95_ms: tuple[float | None, ...]  # the same of the seconds' 95th percentiles
    in_kbps: tuple[float, ...]
    made_up_percent: tuple[float, ...]  # of the sound's frames
    marks: tuple[tuple[float, float], ...]  # when, in seconds, and by how many ms sound came after its picture


@dataclass(frozen=True, slots=True)
class Trend:
    """How something went on after the settling time."""

    first: float  # median of the first third
    last: float  # and of the last
    per_hour: float  # median of the slopes between all pairs (Theil and Sen): single leaps do not tilt it


def process_series(name: str, usages: Sequence[Usage], at_s: Sequence[float]) -> ProcessSeries:
    """Of one usage for each moment."""
    spent = [later.cpu_s - sooner.cpu_s for sooner, later in pairwise(usages)]
    passed = [max(1e-9, later - sooner) for sooner, later in pairwise(at_s)]
    return ProcessSeries(
        name=name,
        memory_mb=tuple(usage.memory_mb for usage in usages),
        threads=tuple(usage.threads for usage in usages),
        descriptors=tuple(usage.descriptors for usage in usages),
        cpu_percent=(0.0, *(100 * cpu_s / s for cpu_s, s in zip(spent, passed, strict=True)))[: len(usages)],
    )


def end_series(
    name: str, lines: Sequence[Figures], upto: Sequence[int], *, marks: Sequence[tuple[float, float]]
) -> EndSeries:
    """Of an end's meter lines; `upto` says for each moment how many there were by then."""
    starts = (0, *upto[:-1])
    parts = [lines[start:end] for start, end in zip(starts, upto, strict=True)]
    return EndSeries(
        name=name,
        fps=tuple(float(np.mean([line["shown_fps"] for line in part])) if part else 0.0 for part in parts),
        delay_ms=tuple(_delay_ms(part, "delay_ms") for part in parts),
        delay_p95_ms=tuple(_delay_ms(part, "delay_p95_ms") for part in parts),
        in_kbps=tuple(
            float(np.mean([line["connection"]["in_kbps"] for line in part])) if part else 0.0 for part in parts
        ),
        made_up_percent=tuple(_made_up(lines, start, end) for start, end in zip(starts, upto, strict=True)),
        marks=tuple(marks),
    )


def _delay_ms(lines: Sequence[Figures], name: str) -> float | None:
    shown = [line[line["showing"]][name] for line in lines if line["showing"] is not None]
    known = [delay for delay in shown if delay is not None]
    return float(np.median(known)) if known else None


def _made_up(lines: Sequence[Figures], start: int, end: int) -> float:
    """Counts run on through one call, and begin anew with the next."""
    if end <= start:
        return 0.0
    first, last = (line.get("sound") or {} for line in (lines[max(0, start - 1)], lines[end - 1]))
    made_up, came = (max(0, last.get(name, 0) - first.get(name, 0)) for name in ("concealed", "received"))
    return float(100 * made_up / (made_up + came)) if made_up + came else 0.0


def apart(
    leans: NDArray[np.float32], shown_us: NDArray[np.int64], heard_us: NDArray[np.int64], level: NDArray[np.float32]
) -> list[tuple[float, float]]:
    """For each burst that was heard and whose lean was seen: when (s), and by how many ms it came after that."""
    seen_us, pairs = sorted(flips_us(leans, shown_us)), []
    for index in bursts(level):
        at_us = int(heard_us[index])
        place = bisect_left(seen_us, at_us)
        near = min(seen_us[max(0, place - 1) : place + 1], key=lambda seen: abs(seen - at_us), default=None)
        if near is not None and abs(near - at_us) <= NEAR_US:
            pairs.append((at_us / 1e6, (at_us - near) / 1000))
    return pairs


def trend_of(at_s: Sequence[float], values: Sequence[float | None], *, settle_s: float) -> Trend | None:
    """Of the values that there are after `settle_s`; None for fewer than three."""
    known = [(at, value) for at, value in zip(at_s, values, strict=True) if value is not None and at >= settle_s]
    if len(known) < 3:
        return None
    at, of = np.array(known, np.float64).T
    third = max(1, len(of) // 3)
    later, sooner = np.triu_indices(len(of), k=1)[::-1]
    passed = at[later] - at[sooner]
    slopes = (of[later] - of[sooner])[passed > 0] / passed[passed > 0]
    return Trend(
        first=float(np.median(of[:third])),
        last=float(np.median(of[-third:])),
        per_hour=3600 * float(np.median(slopes)) if len(slopes) else 0.0,
    )
