"""Stage 1, sound: blocks as a device gives them -> frames of one length, each with its time on the sender's clock."""

import numpy as np

from codec.sound import SAMPLE_RATE, Samples

__all__ = ["Framer"]

_JUMP_S = 0.1  # a block that is so far off its time stands after a gap, or overlaps
_TRUST = 0.02  # of how far a block is off: single ones come when the system has time for them
_LONGEST_GAP_S = 10.0  # filled with silence; beyond that a new time line begins


class Framer:
    """Cuts samples into frames of `size`. Times follow the sound card's own count, and the clock slowly."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: Samples = np.zeros(0, np.float32)
        self._begin_s: float | None = None  # of what waits

    def add(self, samples: Samples, *, captured_s: float) -> list[tuple[Samples, float]]:
        """The frames that are complete with these samples (N,), of which the first was captured at `captured_s`."""
        expected_s = captured_s
        if self._begin_s is not None:
            expected_s = self._begin_s + len(self._waiting) / SAMPLE_RATE
        off_s = captured_s - expected_s
        if self._begin_s is None or abs(off_s) > _LONGEST_GAP_S:
            self._begin_s, self._waiting = captured_s, samples
        elif off_s > _JUMP_S:
            self._waiting = np.concatenate([self._waiting, np.zeros(round(off_s * SAMPLE_RATE), np.float32), samples])
        elif off_s < -_JUMP_S:
            self._waiting = np.concatenate([self._waiting, samples[round(-off_s * SAMPLE_RATE) :]])
        else:
            self._begin_s += off_s * _TRUST
            self._waiting = np.concatenate([self._waiting, samples])
        return list(self._cut())

    def _cut(self) -> list[tuple[Samples, float]]:
        done: list[tuple[Samples, float]] = []
        assert self._begin_s is not None
        while len(self._waiting) >= self._size:
            done.append((self._waiting[: self._size], self._begin_s))
            self._waiting = self._waiting[self._size :]
            self._begin_s += self._size / SAMPLE_RATE
        return done
