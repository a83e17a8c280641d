"""Stage 10, meter (offline): what of a long call grew, and what stayed as it was, with the words that say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.calls.soak.run import SoakResult, settle_s
from benchmarks.calls.soak.series import EndSeries, Trend, trend_of

__all__ = ["Finding", "apart_by_sample", "findings", "verdict"]

MEMORY_PART = 0.02  # of what a process holds may come on in the whole time
MEMORY_LEAST_MB = 2.0
LATER_MS = 40.0  # of delay, or of sound against pictures


@dataclass(frozen=True, slots=True)
class Finding:
    """One quantity of one process or end: how it went on, and whether that is flat."""

    whose: str
    what: str
    unit: str
    trend: Trend
    is_flat: bool
    hourly: bool = False  # whether what it gains an hour says anything

    def __str__(self) -> str:
        rate = f" ({self.trend.per_hour:+.1f} {self.unit}/h)" if self.hourly else ""
        flat = "flat" if self.is_flat else "NOT FLAT"
        return f"{self.whose}, {self.what}: {self.trend.first:.0f} -> {self.trend.last:.0f} {self.unit}{rate}, {flat}"


def findings(result: SoakResult) -> list[Finding]:
    """Of all processes, then of all ends; nothing of what there were too few samples of."""
    if not result.at_s:
        return []
    return [*_of_processes(result), *_of_ends(result)]


def _of_processes(result: SoakResult) -> Iterator[Finding]:
    at_s, settled_s = result.at_s, settle_s(result.at_s[-1])
    hours = (at_s[-1] - settled_s) / 3600
    for process in result.processes:
        memory = trend_of(at_s, process.memory_mb, settle_s=settled_s)
        if memory is not None:
            most_mb = max(MEMORY_LEAST_MB, MEMORY_PART * memory.first)
            flat = memory.per_hour * hours <= most_mb
            yield Finding(process.name, "memory", "MB", memory, flat, hourly=True)
        for what, values in (("threads", process.threads), ("descriptors", process.descriptors)):
            trend = trend_of(at_s, values, settle_s=settled_s)
            if trend is not None:
                yield Finding(process.name, what, what, trend, trend.last <= trend.first)


def _of_ends(result: SoakResult) -> Iterator[Finding]:
    settled_s = settle_s(result.at_s[-1])
    for end in result.ends:
        for what, values in (
            ("delay", end.delay_ms),
            ("delay p95", end.delay_p95_ms),
            ("sound after picture", apart_by_sample(end, result.at_s)),
        ):
            trend = trend_of(result.at_s, values, settle_s=settled_s)
            if trend is not None:
                moved = trend.last - trend.first
                flat = abs(moved) <= LATER_MS if what.startswith("sound") else moved <= LATER_MS
                yield Finding(end.name, what, "ms", trend, flat)


def apart_by_sample(end: EndSeries, at_s: Sequence[float]) -> list[float | None]:
    """The median of the marks since the sample before."""
    if not end.marks:
        return [None] * len(at_s)
    when, ms = np.array(end.marks, np.float64).T
    edges = [-np.inf, *at_s]
    parts = [ms[(when > start) & (when <= stop)] for start, stop in pairwise(edges)]
    return [float(np.median(part)) if len(part) else None for part in parts]


def verdict(result: SoakResult) -> str:
    """One line: flat, or what is not."""
    growing = [finding for finding in findings(result) if not finding.is_flat]
    minutes = result.at_s[-1] / 60 if result.at_s else 0.0
    if growing:
        return f"{minutes:.0f} minutes: " + "; ".join(map(str, growing))
    hourly = [f"{finding.whose} {finding.trend.per_hour:+.1f} MB/h" for finding in findings(result) if finding.hourly]
    return f"{minutes:.0f} minutes: memory ({', '.join(hourly)}), threads, descriptors, delay and sync are flat"
