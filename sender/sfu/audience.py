"""Stage 6, audience: what any number of viewers ask for and report, as if they were one receiver. Pure.

- *Keyframes.* One goes to all, so wishes are granted together: the first at once, those that come after it a second,
  then two, four, and each eight seconds later, until none has been granted for sixteen. Who asks again soon after a
  keyframe was made for it has mostly too much to do: it waits four seconds, then eight, and up to a minute.
- *Clocks.* A ping is answered with a message to all: two a second, whoever asks.
- *Reports.* What is shown is the worst of what was said within 90 s, or longer where very many speak more rarely.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial

from signaling.backoff import Restraint
from signaling.protocol.messages import ClockPing, KeyframeRequest, Message, ReceiverReport
from signaling.sfu.upstream import Wish

__all__ = ["Audience"]

_MOST_VIEWERS = 4096  # that anything is remembered of
_HEARD_S, _HEARD_EACH_S = 90.0, 3.0  # at least, and for each viewer: thrice as long as it may be silent
_PONG_S = 0.5


@dataclass(slots=True)
class _Viewer:
    heard_s: float
    restraint: Restraint = field(default_factory=partial(Restraint, first_wait_s=4.0, longest_wait_s=60.0))
    report: ReceiverReport | None = None


class Audience:
    """Who is heard of, and what of it the sender is told."""

    def __init__(self) -> None:
        self._viewers: OrderedDict[int, _Viewer] = OrderedDict()  # who was heard longest ago first
        self._restraint = Restraint()
        self._wanting: set[int] = set()
        self._ponged_s = float("-inf")
        self.wishes = 0  # for keyframes, that were heard

    def hear(self, wish: Wish, *, now_s: float) -> Message | None:
        """One message of a viewer; what of it the sender is told at once. Wishes for keyframes wait for `grant`."""
        viewer = self._viewers.setdefault(wish.viewer, _Viewer(now_s))
        viewer.heard_s = now_s
        self._viewers.move_to_end(wish.viewer)
        self._forget(now_s)
        match wish.message:
            case KeyframeRequest():
                self.wishes += 1
                if viewer.restraint.allows(now_s) and len(self._wanting) < _MOST_VIEWERS:
                    self._wanting.add(wish.viewer)
            case ClockPing() if now_s - self._ponged_s >= _PONG_S:
                self._ponged_s = now_s
                return wish.message
            case ReceiverReport():
                viewer.report = wish.message
                return self._worst()
        return None

    def grant(self, *, now_s: float) -> bool:
        """Whether a keyframe is due now, for all that want one."""
        if not self._wanting or not self._restraint.allows(now_s):
            return False
        self._restraint.helped(now_s)
        for name in self._wanting:
            if (viewer := self._viewers.get(name)) is not None:
                viewer.restraint.helped(now_s)
        self._wanting.clear()
        return True

    def heard(self, *, now_s: float) -> int:
        """How many viewers have said something lately: each of them does, where all is well."""
        self._forget(now_s)
        return len(self._viewers)

    def _forget(self, now_s: float) -> None:
        while self._viewers:
            oldest, patience_s = next(iter(self._viewers)), max(_HEARD_S, _HEARD_EACH_S * len(self._viewers))
            if len(self._viewers) <= _MOST_VIEWERS and now_s - self._viewers[oldest].heard_s <= patience_s:
                return
            del self._viewers[oldest]

    def _worst(self) -> ReceiverReport:
        reports = [viewer.report for viewer in self._viewers.values() if viewer.report is not None]
        delays_ms = [report.delay_ms for report in reports if report.delay_ms is not None]
        return replace(
            reports[-1],
            loss=max(report.loss for report in reports),
            fps=min(report.fps for report in reports),
            jitter_ms=max(report.jitter_ms for report in reports),
            delay_ms=max(delays_ms, default=None),
        )
