"""Stage 10, display: the times of one call after another, as a recording of all of them has them."""

import threading

from codec.units import PTS_PER_S

__all__ = ["TimeLine"]

APART = PTS_PER_S  # between two calls: what comes first of the second may not be its earliest


class TimeLine:
    """Times in 1/90000 s. The first call's stay as they are; each later one goes on a second after what was before it.

    A sender that starts over begins its times anew, and no file goes back in time. Pictures and sound may come from
    threads of their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._end: int | None = None  # of all that was placed
        self._shift: int | None = 0  # of this call's times; None until there is one

    def begin(self) -> None:
        """Another call: the first time that it tells is where it goes on."""
        with self._lock:
            self._shift = 0 if self._end is None else None

    def place(self, pts: int) -> int:
        """Where a time of this call is."""
        with self._lock:
            if self._shift is None:
                assert self._end is not None
                self._shift = self._end + APART - pts
            placed = pts + self._shift
            self._end = placed if self._end is None else max(self._end, placed)
            return placed
