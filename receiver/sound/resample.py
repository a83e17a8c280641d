"""Stage 10, sound: samples read at a rate a little off their own, so that two clocks that drift stay together."""

import numpy as np

from codec.sound import Samples

__all__ = ["Resampler"]

_BEFORE, _AFTER = 1, 2  # neighbours that a cubic needs


class Resampler:
    """A queue of samples that is read at `ratio` samples in for each one out, by cubic (Catmull-Rom) interpolation."""

    def __init__(self) -> None:
        self._samples: Samples = np.zeros(_BEFORE, np.float32)
        self._place = float(_BEFORE)  # of the next sample out

    @property
    def waiting(self) -> float:
        """Samples in that have not been read yet."""
        return len(self._samples) - self._place

    def lacks(self, count: int, *, ratio: float) -> bool:
        """Whether `take` needs more samples first."""
        return self._place + (count - 1) * ratio + _AFTER >= len(self._samples)

    def add(self, samples: Samples) -> None:
        """Puts samples (N,) at the end of the queue."""
        first = max(0, int(self._place) - _BEFORE)
        self._samples = np.concatenate([self._samples[first:], samples])
        self._place -= first

    def take(self, count: int, *, ratio: float) -> Samples:
        """The next `count` samples out."""
        places = self._place + ratio * np.arange(count)
        whole = places.astype(int)
        at = (places - whole).astype(np.float32)
        a, b, c, d = (self._samples[whole + step] for step in (-1, 0, 1, 2))
        self._place += count * ratio
        mixed = b + 0.5 * at * (c - a + at * (2 * a - 5 * b + 4 * c - d + at * (3 * (b - c) + d - a)))
        return np.asarray(mixed, np.float32)
