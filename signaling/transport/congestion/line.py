"""Stage 6, congestion control: one stream's line: its rate, what may be on its way, and when nothing comes back."""

from dataclasses import replace

from signaling.transport.congestion.arrivals import ArrivalReport
from signaling.transport.congestion.departures import DepartureLog, Feedback
from signaling.transport.congestion.longer import LongerPath
from signaling.transport.congestion.nada import Nada

__all__ = ["Line"]

_ALLOWED_QUEUE_S = 0.15
_LONGEST_S = 0.6
_LEAST_WINDOW_BYTES = 600  # two messages of a thin line, with all around them
_FIRST_WINDOW_BYTES = 1600  # before the first report: nobody knows what the line is
_GROWTH = 2.0  # the window is so much of what has come through, at most, once that is more
_LOST_STAY = 6.0  # what is lost counts as on its way until the transport gives it up, several round trips later
_THIN_KBPS, _EMPTY_EVERY_S = 64.0, 10.0
# From the one on the line loses, until the other: of the 25 messages that four seconds usually have two are more than
# chance, and of the 50 that it is then answered with two again.
_SERIOUS_LOSS, _SCARCE_LOSS = 0.06, 0.02
_LOST_FOR_S = 4.0  # and so long after that: a twentieth is none at all for seconds, now and then
_WAITING_MS = 100.0  # of queue: what is lost then may be for want of room
_BESIDE_S = 2.0  # after RTP, which may wait in the queue unseen
_SILENT_S = 1.8  # no report for so long while something waits for one: the rate halves, once each such time


class Line:
    """What the sending end knows of its line. Pure: `sent`, `hear` and `tick` are told the time.

    `window_bytes` bounds what is on its way (SCReAM, RFC 8298, 4.1.2): the rate over the round trip and a queue of
    0.15 s. Reports come a few times a second at most, and a line that falls to a quarter would queue a second of sound
    and pictures before the first of them tells of it: what is not acknowledged holds back what comes after it at once.
    """

    def __init__(self, *, min_kbps: float, max_kbps: float, start_kbps: float = 48.0) -> None:
        self._nada = Nada(min_kbps=min_kbps, max_kbps=max_kbps, start_kbps=start_kbps)
        self._min_kbps = min_kbps
        self._departures = DepartureLog()
        self._shortest_s = _LONGEST_S  # from leaving to a report, at best, lately: the path may get longer
        self._silent_since_s: float | None = None
        self._heard = False
        self._scale = 1.0  # of the rate, while nothing is heard
        self._empty_s: float | None = None  # when nothing was on its way
        self._beside_s = float("-inf")
        self._longer = LongerPath()
        self._loses, self._lost_s = False, 0.0
        self.latest: Feedback | None = None

    @property
    def is_known(self) -> bool:
        """Whether the other end reports at all: ends of before 0.3 do not, and are sent to as ever."""
        return self._heard

    @property
    def rate_kbps(self) -> float:
        """What may be sent, on the wire."""
        return max(self._min_kbps, self._scale * self._nada.rate_kbps)

    @property
    def queue_ms(self) -> float:
        """The line's queue, as the last report has it."""
        return self._nada.queue_ms

    @property
    def loses(self) -> bool:
        """Whether it loses what it has room for: a twentieth, and nothing waits. It takes a while to say."""
        return self._loses

    def flies(self, flying_bytes: int, *, now_s: float) -> None:
        """So much is on its way now."""
        if not flying_bytes:
            self._empty_s = now_s

    def window_bytes(self, *, now_s: float) -> int:
        """The most that may be on its way, as it counts on the wire.

        On a thin line that has not been empty for ten seconds nothing, until it is: what its queue is called the path
        itself by then (as BBR's ProbeRTT). At first, too: what a call begins with may have filled it. And once where a
        queue may be a path that got longer. It grows no faster than the line has shown to carry: the rate that a call
        begins with is a guess, and on a line of 12 kbit/s what is guessed is seconds of queue.
        """
        if self._empty_s is None or self._empties(self._empty_s, now_s):
            return 0
        if not self._heard:
            return _FIRST_WINDOW_BYTES
        loss = 0.0 if self.latest is None else self.latest.loss
        loop_s = self._shortest_s + _ALLOWED_QUEUE_S
        shown_bytes = 0.0 if self.latest is None else _GROWTH * self.latest.received_kbps * 125 * loop_s
        window_bytes = min(self.rate_kbps * 125 * loop_s, max(_FIRST_WINDOW_BYTES, shown_bytes))
        return max(_LEAST_WINDOW_BYTES, round(window_bytes * (1 + _LOST_STAY * loss)))

    def _empties(self, empty_s: float, now_s: float) -> bool:
        if self._longer.asks(empty_s=empty_s, now_s=now_s) and not self._has_beside(now_s):
            return True
        return self.rate_kbps < _THIN_KBPS and now_s - empty_s > _EMPTY_EVERY_S

    def _has_beside(self, now_s: float) -> bool:
        return now_s - self._beside_s < _BESIDE_S

    def is_limited(self, *, now_s: float) -> bool:
        """Whether the line has shown a limit lately."""
        return self._nada.is_limited(now_s=now_s)

    def goes(self, *, extra_bytes: int) -> None:
        """Each packet takes so much more than it would in UDP over IPv4."""
        self._departures.extra_bytes = extra_bytes

    def sent(self, data: bytes, *, now_s: float, resent: bool) -> None:
        """A message leaves; `resent` says that the transport sends it again if it gets lost."""
        self._departures.add(data, now_s=now_s, resent=resent)
        if self._silent_since_s is None:
            self._silent_since_s = now_s

    def sent_beside(self, wire_bytes: int, *, now_s: float) -> None:
        """RTP leaves, of which no report tells."""
        self._departures.add_beside(wire_bytes, now_s=now_s)
        self._beside_s = now_s

    def unanswered_bytes(self, *, now_s: float, patience_s: float) -> int:
        """What left in the last `patience_s` and is in no report yet, as it counts on the wire."""
        return self._departures.unanswered_bytes(now_s=now_s, patience_s=patience_s)

    def hear(self, report: ArrivalReport, *, now_s: float) -> None:
        """A report of the other end."""
        feedback = self._departures.hear(report, now_s=now_s)
        if feedback is None:
            return
        self._heard, self._scale = True, 1.0
        self._silent_since_s = None
        telling = not self._has_beside(now_s)
        if feedback.alone_ms is not None and telling:
            self._empty_s = now_s  # as far as it tells of the path
        if self._longer.see(feedback, rate_kbps=self._nada.rate_kbps, telling=telling):
            self._departures.forget_base()
            feedback = replace(feedback, queue_ms=0.0, quickest_s=feedback.answered_s)
            self._nada.forgive(self._longer.kbps)
        self._shortest_s = min(_LONGEST_S, max(0.02, feedback.quickest_s))
        self.latest = feedback
        self._nada.hear(feedback)
        self._see_loss(feedback)

    def _see_loss(self, feedback: Feedback) -> None:
        if feedback.queue_ms >= _WAITING_MS:
            self._loses = False
        elif feedback.loss > (_SCARCE_LOSS if self._loses else _SERIOUS_LOSS):
            self._loses, self._lost_s = True, feedback.now_s
        elif feedback.now_s - self._lost_s > _LOST_FOR_S:
            self._loses = False

    def tick(self, *, now_s: float) -> None:
        """Time passes: without a report, what was true of the line is no more."""
        if self._heard and self._silent_since_s is not None and now_s - self._silent_since_s > _SILENT_S:
            self._scale = max(0.1, self._scale / 2)
            self._silent_since_s = now_s
