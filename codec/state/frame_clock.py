"""Stage 4, frame clock: the time stamps of the pictures to code, and how long each is looked at."""

from codec.units import PTS_PER_S

__all__ = ["FrameClock"]

_USUAL_DURATION = PTS_PER_S // 25  # of a frame, until two pictures have told otherwise
_MAX_DURATION = 0xFFFF
_MAX_DURATION_RATIO = 10.0  # usual frames that one frame may count for
_PACE = 0.2  # how fast that follows the camera


class FrameClock:
    """Keeps pts growing. `duration` is the last frame's, in 1/90000 s.

    `shown_for` is how long a frame lasts of late, in usual frames: where a slow machine codes few, each counts for
    more.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self.duration = _USUAL_DURATION
        self.shown_for = 1.0

    def advance(self, pts: int) -> int:
        """The next picture's pts, moved on by a tick where it has not grown."""
        pts = max(0, pts)
        if self._last is not None:
            pts = max(pts, self._last + 1)
            self.duration = min(pts - self._last, _MAX_DURATION)
            shown_for = min(max(self.duration / _USUAL_DURATION, 1.0), _MAX_DURATION_RATIO)
            self.shown_for += _PACE * (shown_for - self.shown_for)
        self._last = pts
        return pts
