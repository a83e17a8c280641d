"""A line with a limit, a queue and losses, and streams that send over it as their controllers say; no clock."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from signaling.transport.congestion import ArrivalLog, ArrivalReport, Line

TICK_S = 0.01
OVERHEAD = 93
SACK = 93


@dataclass
class Bottleneck:
    """`kbps(t)` of the line; what would wait longer than `queue_s` is dropped, `loss` of the rest at random."""

    kbps: Callable[[float], float]
    delay_s: float = 0.02  # each way
    jitter_s: float = 0.0  # more or less, there
    queue_s: float = 4.0
    loss: float = 0.0
    longer: tuple[float, float, float] | None = None  # from when on (s), `delay_s` and `jitter_s` from then on
    policed: bool = False  # drops what is over the rate, and queues nothing
    free_s: float = 0.0
    tokens: float = 3000.0
    filled_s: float = 0.0
    draws: random.Random = field(default_factory=lambda: random.Random(3))

    def carry(self, size: int, *, now_s: float) -> float | None:
        """When a packet arrives; None: never."""
        if self.longer is not None and now_s >= self.longer[0]:
            _, self.delay_s, self.jitter_s = self.longer
        rate = self.kbps(now_s) * 125
        if not rate:
            return None
        if self.policed:
            self.tokens = min(3000.0, self.tokens + (now_s - self.filled_s) * rate)
            self.filled_s = now_s
            if self.tokens < size:
                return None
            self.tokens -= size
            return None if self.draws.random() < self.loss else now_s + self.delay_s
        begin_s = max(now_s, self.free_s)
        if begin_s - now_s > self.queue_s:
            return None
        self.free_s = begin_s + size / rate
        if self.draws.random() < self.loss:
            return None
        return self.free_s + self.delay_s + (self.jitter_s and self.draws.uniform(-self.jitter_s, self.jitter_s))

    def queue_at(self, now_s: float) -> float:
        return max(0.0, self.free_s - now_s)


class Stream:
    """Sends `wanted_kbps` at most, in messages `interval_s` apart, as its line allows, from `from_s` on."""

    def __init__(
        self,
        link: Bottleneck,
        *,
        wanted_kbps: float = 100.0,
        interval_s: float = 0.16,
        from_s: float = 0.0,
        twice: bool = False,  # each message goes again after the next one, while the line loses
    ) -> None:
        self.line = Line(min_kbps=8, max_kbps=400)
        self.link, self.wanted_kbps, self.interval_s = link, wanted_kbps, interval_s
        self.next_s, self.twice, self.before = from_s, twice, b""
        self.seen: list[tuple[float, bool, float]] = []  # when; whether the line loses, and its rate, as it is thought
        self.log = ArrivalLog()
        self.events: list[tuple[float, int, int, bytes | ArrivalReport]] = []  # when, order, message
        self.order = itertools.count()
        self.receipt_s = 0.0
        self.flight: dict[int, tuple[int, float]] = {}
        self.number = 0
        self.sent: list[tuple[float, int]] = []
        self.came: list[tuple[float, int]] = []
        self.delays: list[tuple[float, float]] = []

    def step(self, now_s: float) -> None:
        while self.events and self.events[0][0] <= now_s:
            at_s, _, number, what = heapq.heappop(self.events)
            if isinstance(what, ArrivalReport):
                self.line.hear(ArrivalReport.parse(bytes(what)), now_s=now_s)
            elif what:
                self.log.add(what, now_s=at_s)
                self.came.append((at_s, len(what) + OVERHEAD))
                self.delays.append((at_s, at_s - self.sent[number - 1][0]))
                self._later(at_s + self.link.delay_s, number, b"")  # its receipt
            else:
                self.flight.pop(number, None)
                for other in [other for other in self.flight if other < number - 3]:
                    del self.flight[other]  # overtaken: lost, and given up
                self.receipt_s = now_s
        if (report := self.log.take(now_s=now_s)) is not None:
            self._later(now_s + self.link.delay_s, 0, report)
        if self.flight and now_s - self.receipt_s > 1.0:
            self.receipt_s = now_s
            self.flight.clear()  # the transport gives up what it has no receipt for
        self.line.tick(now_s=now_s)
        if now_s >= self.next_s:
            self._send(now_s)

    def _later(self, at_s: float, number: int, what: bytes | ArrivalReport) -> None:
        heapq.heappush(self.events, (at_s, next(self.order), number, what))

    def _send(self, now_s: float) -> None:
        rate = min(self.wanted_kbps, self.line.rate_kbps)
        self.next_s = max(self.next_s + self.interval_s, now_s)
        self.seen.append((now_s, self.line.loses, self.line.rate_kbps))
        left, again = rate * 125 * self.interval_s, self.before if self.twice and self.line.loses else b""
        while left > OVERHEAD:
            size = int(min(left, 400)) - OVERHEAD
            left -= size + OVERHEAD
            self.before = (self.number + 1).to_bytes(4, "big") + bytes(max(1, size - 4))
            if size <= 0 or not self._leave(self.before, now_s):
                break
        if again:
            self._leave(again, now_s)

    def _leave(self, data: bytes, now_s: float) -> bool:
        """Whether there is room for it."""
        size = len(data) + OVERHEAD
        self.line.flies(self.flying(), now_s=now_s)
        if self.flying() and size + self.flying() > self.line.window_bytes(now_s=now_s):
            return False
        self.number += 1
        self.line.sent(data, now_s=now_s, resent=False)
        self.sent.append((now_s, size))
        self.flight[self.number] = (size, now_s)
        at_s = self.link.carry(size, now_s=now_s)
        if at_s is not None:
            self._later(at_s, self.number, data)
        return True

    def flying(self) -> int:
        """Bytes that left and have no receipt."""
        return sum(size for size, _ in self.flight.values())

    def kbps(self, since_s: float, until_s: float) -> float:
        """What arrived in that time."""
        return sum(size for at_s, size in self.came if since_s <= at_s < until_s) / 125 / (until_s - since_s)


def run(link: Bottleneck, streams: list[Stream], *, seconds: float) -> list[tuple[float, float]]:
    """Lets time pass; the link's queue at each moment."""
    queues = []
    for index in range(round(seconds / TICK_S)):
        now_s = index * TICK_S
        for stream in streams:
            stream.step(now_s)
        queues.append((now_s, link.queue_at(now_s)))
    return queues


@pytest.fixture
def bottleneck() -> type[Bottleneck]:
    return Bottleneck


@pytest.fixture
def stream() -> type[Stream]:
    return Stream


@pytest.fixture(name="run")
def run_of() -> Callable[..., list[tuple[float, float]]]:
    return run
