"""Stage 6, congestion control at the sending end: what left when, and what the reports say became of it."""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TypeVar

from signaling.transport.congestion.arrivals import ArrivalReport, tag_of
from signaling.transport.costs import MESSAGE_OVERHEAD

__all__ = ["DepartureLog", "Feedback"]

Value = TypeVar("Value", float, tuple[float, int])

_KEPT = 512  # messages without an answer
_BASE_WINDOW_S = 30.0  # the shortest way of so long is the path without a queue
# There and back, and until the next report: what takes longer than that waits in a queue. Reports are up to a second
# apart, which is no queue: the quickest answer of that time counts.
_LONGEST_PATH_S = 1.0
_RATE_WINDOW_S = 1.5
_LOSS_WINDOW_S = 4.0
_OVERTAKEN_S = 0.3  # what left so long before one that came, and did not come itself, is lost
_COPIES_WITHIN_S = 2.0  # of a message: what is told of it again is not of the copy
_EARLY_S = 0.02  # what came so much sooner than the shortest way after the copy left, is not the copy
_CLOCK_MS = 65_536


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one report says of the line. `queue_ms`: how much longer than the shortest way messages took."""

    now_s: float
    queue_ms: float
    loss: float  # of messages that are never resent, over the last four seconds
    received_kbps: float  # on the wire, over the last second and a half
    sent_kbps: float
    answered_s: float  # from the newest message's leaving to this report
    quickest_s: float  # the least of that lately
    alone_ms: float | None = None  # as queue_ms, of what waited behind nothing of ours; None: nothing that came lately


@dataclass(slots=True)
class _Departure:
    sent_s: float
    wire_bytes: int
    resent: bool  # by the transport, if it gets lost: it says nothing of loss, and much too late of delay
    again_s: float | None = None  # when a copy of it left


class DepartureLog:
    """Notes what leaves, and makes `Feedback` of the other end's reports. Pure: times come with the calls.

    The two clocks need not agree: only differences of one-way delays count, and what there and back take together: a
    call that begins on a line whose queue is full has never seen a shorter way. The shortest of a report stands for it,
    as RFC 8698 (5.1.1) advises: what is left is queue, not the sending time of a large message or a resend.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, _Departure] = OrderedDict()  # by tag
        self._answered: OrderedDict[int, float] = OrderedDict()  # when what was told of lately had left, by tag
        self._ways: deque[tuple[float, tuple[float, int]]] = deque()  # (when, (shortest way of a report in ms, bytes))
        self._answers: deque[tuple[float, float]] = deque()  # (when, from the newest message's leaving to its report)
        self._rates: deque[tuple[float, float]] = deque()  # (when, what came through, in kbit/s and negative)
        self._fates: deque[tuple[float, bool]] = deque(maxlen=1024)  # (when sent, whether it came)
        self._sent: deque[tuple[float, int]] = deque(maxlen=2048)
        self._beside: deque[tuple[float, int]] = deque(maxlen=4096)
        self._came: deque[tuple[float, int]] = deque(maxlen=2048)  # (arrival on its own clock, wire bytes)
        self._arrival_s = 0.0  # of the newest, unwrapped
        self._newest_ms: int | None = None
        self.extra_bytes = 0  # of each packet, where it is no UDP over IPv4

    def add(self, data: bytes, *, now_s: float, resent: bool) -> None:
        """A message leaves, or a copy of one, since it may get lost: which of them comes is told by when it does."""
        tag, wire_bytes = tag_of(data), len(data) + MESSAGE_OVERHEAD + self.extra_bytes
        self._sent.append((now_s, wire_bytes))
        if (departure := self._waiting.get(tag)) is not None:
            departure.again_s = now_s
        elif now_s - self._answered.get(tag, float("-inf")) > _COPIES_WITHIN_S:
            self._waiting[tag] = _Departure(now_s, wire_bytes, resent)
        while len(self._waiting) > _KEPT:
            self._waiting.popitem(last=False)

    def add_beside(self, wire_bytes: int, *, now_s: float) -> None:
        """Something leaves that no report tells of (RTP): it is taken to arrive as the messages do."""
        self._beside.append((now_s, wire_bytes))

    def unanswered_bytes(self, *, now_s: float, patience_s: float) -> int:
        """Wire bytes of what left in the last `patience_s` and is not reported yet."""
        return sum(one.wire_bytes for one in self._waiting.values() if now_s - one.sent_s < patience_s)

    def hear(self, report: ArrivalReport, *, now_s: float) -> Feedback | None:
        """What a report says; None where it says nothing new."""
        arrival_s = self._unwrapped(report.newest_ms)
        ways: list[tuple[float, int]] = []  # in ms, and wire bytes
        alone: list[tuple[float, float, int]] = []  # a way, how long nothing had come before it, and its size
        newest_sent_s = 0.0
        for tag, ago_ms in reversed(report.entries):
            departure = self._waiting.pop(tag, None)
            if departure is None:
                continue  # told before, or none of ours
            self._note_answered(tag, departure.sent_s)
            came_s = arrival_s - ago_ms / 1000
            sent_s = self._sent_s(departure, came_s)
            way_ms = 1000 * (came_s - sent_s)
            ways.append((way_ms, departure.wire_bytes))
            newest_sent_s = max(newest_sent_s, sent_s)
            if not departure.resent:
                self._fates.append((sent_s, True))
                gap_ms = 1000 * (came_s - self._came[-1][0]) if self._came else 0.0
                alone.append((way_ms, gap_ms, departure.wire_bytes))
            self._came.append((came_s, departure.wire_bytes))
        if not ways:
            return None
        self._lose(newest_sent_s)
        way_ms, _ = shortest = min(ways)
        base = _least(self._ways, shortest, now_s=now_s, window_s=_BASE_WINDOW_S)
        answered_s = now_s - newest_sent_s
        quickest_s = _least(self._answers, answered_s, now_s=now_s, window_s=_BASE_WINDOW_S)
        received_kbps = _kbps(self._came, until_s=max(came_s for came_s, _ in self._came))
        most_kbps = -_least(self._rates, -received_kbps, now_s=now_s, window_s=_BASE_WINDOW_S)
        sent_kbps, beside_kbps = _kbps(self._sent, until_s=now_s), _kbps(self._beside, until_s=now_s)
        return Feedback(
            now_s=now_s,
            queue_ms=max(way_ms - base[0], 1000 * (quickest_s - _LONGEST_PATH_S)),
            loss=self._loss(now_s),
            received_kbps=received_kbps * (1 + beside_kbps / max(sent_kbps, 0.1)),
            sent_kbps=sent_kbps + beside_kbps,
            answered_s=answered_s,
            quickest_s=quickest_s,
            alone_ms=_alone(alone, base=base, kbps=most_kbps),
        )

    def forget_base(self) -> None:
        """The path is another: only the last report says how long it is."""
        self._ways = deque([self._ways[-1]])
        self._answers = deque([self._answers[-1]])

    def _sent_s(self, departure: _Departure, came_s: float) -> float:
        """When what came had left: the message, or its copy where that would have taken too long for the message."""
        if departure.again_s is None or not self._ways:
            return departure.sent_s
        base_s = min(way for _, way in self._ways)[0] / 1000
        if came_s - departure.again_s < base_s - _EARLY_S:
            return departure.sent_s
        self._fates.append((departure.sent_s, False))
        return departure.again_s

    def _note_answered(self, tag: int, sent_s: float) -> None:
        self._answered[tag] = sent_s
        while len(self._answered) > _KEPT // 4:
            self._answered.popitem(last=False)

    def _lose(self, newest_sent_s: float) -> None:
        """What left long before one that came is lost."""
        before_s = newest_sent_s - _OVERTAKEN_S
        lost = [tag for tag, one in self._waiting.items() if max(one.sent_s, one.again_s or 0.0) < before_s]
        for tag in lost:
            departure = self._waiting[tag]
            if not departure.resent:
                self._fates.append((departure.sent_s, False))
                if departure.again_s is not None:
                    self._fates.append((departure.again_s, False))
                del self._waiting[tag]

    def _loss(self, now_s: float) -> float:
        while self._fates and self._fates[0][0] < now_s - _LOSS_WINDOW_S:
            self._fates.popleft()
        return sum(not came for _, came in self._fates) / len(self._fates) if self._fates else 0.0

    def _unwrapped(self, newest_ms: int) -> float:
        if self._newest_ms is not None:
            step_ms = (newest_ms - self._newest_ms + _CLOCK_MS // 2) % _CLOCK_MS - _CLOCK_MS // 2
            self._arrival_s += step_ms / 1000
        else:
            self._arrival_s = newest_ms / 1000
        self._newest_ms = newest_ms
        return self._arrival_s


def _least(values: deque[tuple[float, Value]], value: Value, *, now_s: float, window_s: float) -> Value:
    """The least of the last `window_s`, of this one too, which is noted."""
    values.append((now_s, value))
    while values[0][0] < now_s - window_s:
        values.popleft()
    return min(known for _, known in values)


def _alone(ways: list[tuple[float, float, int]], *, base: tuple[float, int], kbps: float) -> float | None:
    """How much longer than the shortest way, `base` in ms with its bytes, took what waited behind nothing of ours.

    That is what left after the one before it was through. `ways` are of (ms, ms since then, wire bytes); a line of
    `kbps` takes time for the bytes themselves, which is no waiting.
    """
    base_ms, base_bytes = base
    byte_ms = 8 / max(kbps, 1.0)
    alone_ms = [
        way_ms - base_ms - byte_ms * max(0, size - base_bytes)
        for way_ms, gap_ms, size in ways
        if way_ms - base_ms < gap_ms - byte_ms * base_bytes
    ]
    return max(0.0, min(alone_ms)) if alone_ms else None


def _kbps(events: deque[tuple[float, int]], *, until_s: float) -> float:
    while events and events[0][0] < until_s - 2 * _RATE_WINDOW_S:
        events.popleft()
    since_s = until_s - _RATE_WINDOW_S
    return sum(size for at_s, size in events if at_s > since_s) * 8 / 1000 / _RATE_WINDOW_S
