"""Stage 1, input, timeline: the times that a file says -> times that begin at 0 and grow without a jump."""

from codec.units import PTS_PER_S

__all__ = ["Timeline"]

LONGEST_STEP = 10 * PTS_PER_S  # more between two pictures is a jump, unless the first is said to last as long


class Timeline:
    """Gives each picture of one stream its time in 1/90000 s: 0, then growing; `step` where nothing tells.

    Times that are missing are a step apart. Where they start again or jump (files one behind the other, a clock that
    was set), the next picture comes a step later and the rest goes on from there; a single time among good ones that
    is wrong is passed over.
    """

    def __init__(self, step: int) -> None:
        self._step = max(step, 1)
        self._last: int | None = None  # that was given
        self._offset = 0  # from the file's times to ours
        self._other: int | None = None  # ... if the last time, which did not follow, was right
        self._lasts = 0  # how long the last picture is said to last

    def stamp(self, pts: int | None, *, duration: int = 0) -> int:
        """The time of the next picture, from what the file says of it: when it is due, and for how long."""
        longest, self._lasts = max(LONGEST_STEP, self._lasts), duration + self._step
        if self._last is None:
            self._last, self._offset = 0, -(pts or 0)
            return 0
        if pts is None:
            self._last += self._step
            return self._last
        for offset in (self._offset, self._other):
            if offset is not None and 0 < pts + offset - self._last <= longest:
                self._offset, self._other = offset, None
                self._last = pts + offset
                return self._last
        if -self._step < pts + self._offset - self._last <= 0:  # the same time again, or one rounded down
            self._last += 1
            return self._last
        self._last += self._step
        self._other = self._last - pts
        return self._last
