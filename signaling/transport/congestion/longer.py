"""Stage 6, congestion control: whether what seems a queue is a path that got longer. Pure.

A route that changes, a phone that goes from one network to another: messages take longer at once, and for good. A queue
gets shorter when less is sent; the rate of a call would fall for nothing until the shortest way of before is forgotten.
What waits behind nothing of ours tells the two apart: where even that takes half as much longer as all else, the queue
is none of ours, whether it is a path or somebody else's.
"""

from signaling.transport.congestion.departures import Feedback

__all__ = ["LongerPath"]

_DOUBTED_MS, _DOUBT_S, _AS_LONG = 100.0, 1.0, 0.5  # a queue of so much for so long is doubted


class LongerPath:
    """Told of each report; `kbps` is what the rate was before there was any doubt."""

    def __init__(self) -> None:
        self.kbps = 0.0
        self._since_s: float | None = None
        self._longest_ms = 0.0

    def see(self, feedback: Feedback, *, rate_kbps: float, telling: bool) -> bool:
        """Whether it is a longer path, once; `telling` is False where something of ours is in no report."""
        if feedback.queue_ms < _DOUBTED_MS:
            self._forget()
            self.kbps = rate_kbps
            return False
        if self._since_s is None:
            self._since_s = feedback.now_s
        self._longest_ms = max(self._longest_ms, feedback.queue_ms)
        if feedback.alone_ms is None or not telling or feedback.now_s - self._since_s < _DOUBT_S:
            return False
        if feedback.alone_ms < max(_DOUBTED_MS, _AS_LONG * self._longest_ms):
            return False
        self._forget()
        return True

    def asks(self, *, empty_s: float, now_s: float) -> bool:
        """Whether the line should be emptied to see: it was not since there is doubt."""
        return self._since_s is not None and empty_s < self._since_s + _DOUBT_S < now_s

    def _forget(self) -> None:
        self._since_s, self._longest_ms = None, 0.0
