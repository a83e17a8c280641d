"""Stage 10, meter (offline): a handful of order statistics, because means of times hide what a viewer notices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Spread:
    """Order statistics of samples, in the unit of the samples; percentiles interpolate linearly."""

    count: int
    median: float
    p25: float
    p75: float
    p5: float
    p95: float
    mean: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        """At least one sample."""
        p5, p25, median, p75, p95 = map(float, np.percentile(np.asarray(samples, np.float64), (5, 25, 50, 75, 95)))
        return cls(len(samples), median, p25, p75, p5, p95, float(np.mean(samples)))
