"""Stage 1, input, timeline: the times that a file says -> times that begin at 0 and grow without a jump."""

__all__ = ["Timeline"]


class Timeline:
    """Gives each picture of one stream its time in 1/90000 s: 0, then growing; a `step` apart where nothing tells.

    Where the file's times start again or go on by more than `longest` (files one behind the other, a clock that was
    set), the next picture comes a step later and the rest goes on from there; a single time among good ones that is
    wrong is passed over.
    """

    def __init__(self, step: int, *, longest: int) -> None:
        self._step = max(step, 1)
        self._longest = longest
        self._last: int | None = None  # that was given
        self._offset = 0  # from the file's times to ours
        self._other: int | None = None  # ... if the last time, which did not follow, was right

    def stamp(self, pts: int | None) -> int:
        """The time of the next picture, from what the file says of it."""
        if self._last is None:
            self._last, self._offset = 0, -(pts or 0)
            return 0
        if pts is None:
            self._last += self._step
            return self._last
        for offset in (self._offset, self._other):
            if offset is not None and 0 < pts + offset - self._last <= self._longest:
                self._offset, self._other = offset, None
                self._last = pts + offset
                return self._last
        if -self._step < pts + self._offset - self._last <= 0:  # the same time again, or one rounded down
            self._last += 1
            return self._last
        self._last += self._step
        self._other = self._last - pts
        return self._last
