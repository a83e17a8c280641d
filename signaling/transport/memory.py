"""Stage 6, transport: the same channels inside one process, with a loss pattern and a clock of your own.

`memory_pair` gives two `Channels` joined back to back. What goes in at one end comes out at the other, later, in an
order that depends on nothing but the arguments: the same seed, the same sends at the same times, the same deliveries.
Like SCTP, each direction has one queue for all its channels; unlike SCTP it has no congestion window, and what is
reliable is simply never lost.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from signaling.errors import PeerGone
from signaling.transport.channels import ChannelCallbacks, Channels, check_message
from signaling.transport.costs import MESSAGE_OVERHEAD

__all__ = ["MemoryChannel", "Timers", "VirtualClock", "memory_pair"]


class Timers(Protocol):
    """The part of an asyncio event loop that the pair needs."""

    def time(self) -> float:
        """Seconds since some fixed moment."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> object:
        """Calls `callback` at the time `when`."""


class VirtualClock:
    """Timers whose time stands still until told to move: tests run at the speed of the machine, always alike."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._numbers = itertools.count()
        self._calls: list[tuple[float, int, Callable[[], object]]] = []

    def time(self) -> float:
        return self._now_s

    def call_at(self, when: float, callback: Callable[[], object], /) -> None:
        heapq.heappush(self._calls, (when, next(self._numbers), callback))

    def advance(self, seconds: float) -> None:
        """Moves time on and makes the calls that come due on the way, in their order, each at its own time."""
        end_s = self._now_s + seconds
        while self._calls and self._calls[0][0] <= end_s:
            when, _, callback = heapq.heappop(self._calls)
            self._now_s = max(self._now_s, when)
            callback()
        self._now_s = end_s


class MemoryChannel(ChannelCallbacks):
    """A Channel of one end of a memory pair; see `signaling.transport.channels.Channel`."""

    def __init__(self, label: str, link: "_Link", *, lossy: bool) -> None:
        super().__init__()
        self.label = label
        self._open = True
        self.buffered_amount = 0
        self._lossy = lossy
        self._link = link
        self._far: MemoryChannel | None = None

    @property
    def is_open(self) -> bool:
        return self._open

    def join(self, far: "MemoryChannel") -> None:
        """Makes `far` the other end of this channel."""
        self._far, far._far = far, self

    def send(self, data: bytes) -> None:
        check_message(data)
        if not self.is_open or self._far is None:
            raise PeerGone(f"{self.label} is not open")
        self.buffered_amount += len(data)
        self._link.carry(bytes(data), self, self._far, lossy=self._lossy)

    def close(self) -> None:
        if self.is_open and self._far is not None:
            self._link.after_delay(self._far.closed)
            self.closed()

    def closed(self) -> None:
        """The channel is closed from now on, whichever end closed it."""
        if self._open:
            self._open = False
            self.buffered_amount = 0
            self.tell(False)

    def begun(self, size: int) -> None:
        """The link began to send `size` queued bytes."""
        self.buffered_amount = max(0, self.buffered_amount - size)

    def arrived(self, data: bytes) -> None:
        """A message from the other end."""
        if self._open:
            self.hear(data)


@dataclass(slots=True)
class _Flight:
    """One message on its way."""

    data: bytes
    target: MemoryChannel
    number: int  # in the order of sending
    lossy: bool
    held: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    """How a link treats what it carries; see `memory_pair`."""

    loss: float
    drop: Callable[[int], bool] | None
    reorder: float
    reorder_wait_s: float
    delay_s: float
    jitter_s: float
    rate_bps: float | None


class _Link:
    """One direction: a queue in front of the wire, and the wire."""

    def __init__(self, conditions: _Conditions, timers: Timers, seed: int) -> None:
        self._conditions = conditions
        self._timers = timers
        self._random = random.Random(seed)
        self._lossy_count = 0
        self._free_at_s = 0.0
        self._numbers = itertools.count()
        self._flights: list[tuple[float, int, _Flight]] = []  # heap: arrival time, number, message
        self._held: list[_Flight] = []

    def carry(self, data: bytes, source: MemoryChannel, target: MemoryChannel, *, lossy: bool) -> None:
        """Queues `data`; it leaves `source` when the wire is free and reaches `target` after the delay, or never."""
        now_s = self._timers.time()
        begin_s = max(now_s, self._free_at_s)
        rate_bps = self._conditions.rate_bps
        self._free_at_s = begin_s + (8 * (len(data) + MESSAGE_OVERHEAD) / rate_bps if rate_bps else 0.0)
        if begin_s > now_s:
            self._timers.call_at(begin_s, lambda: source.begun(len(data)))
        else:
            source.begun(len(data))
        arrival_s = self._free_at_s + self._conditions.delay_s
        flight = _Flight(data, target, next(self._numbers), lossy)
        if lossy:
            lost, flight.held, jitter_s = self._fate()
            if lost:
                return
            arrival_s += jitter_s
        if flight.held:
            arrival_s += self._conditions.reorder_wait_s
            self._held.append(flight)
        heapq.heappush(self._flights, (arrival_s, flight.number, flight))
        self._timers.call_at(arrival_s, self._deliver_next)

    def after_delay(self, callback: Callable[[], None]) -> None:
        """Calls `callback` when something sent now would arrive."""
        self._timers.call_at(max(self._timers.time(), self._free_at_s) + self._conditions.delay_s, callback)

    def _fate(self) -> tuple[bool, bool, float]:
        """(lost, held back, jitter in seconds) of the next lossy message; three draws each, so a fate never moves."""
        number, self._lossy_count = self._lossy_count, self._lossy_count + 1
        conditions = self._conditions
        lost = self._random.random() < conditions.loss
        held = self._random.random() < conditions.reorder
        jitter_s = self._random.random() * conditions.jitter_s
        return lost or (conditions.drop is not None and conditions.drop(number)), held, jitter_s

    def _deliver_next(self) -> None:
        """Delivers the message due first. One call was ordered for each, so this one is due by now."""
        _, _, flight = heapq.heappop(self._flights)
        if flight.done:
            return
        self._deliver(flight)
        if flight.lossy and not flight.held:
            for late in [held for held in self._held if held.number < flight.number]:  # overtaken: they may go
                self._deliver(late)

    def _deliver(self, flight: _Flight) -> None:
        flight.done = True
        if flight.held:
            self._held.remove(flight)
        flight.target.arrived(flight.data)


def memory_pair(
    *,
    loss: float = 0.0,
    drop: Callable[[int], bool] | None = None,
    reorder: float = 0.0,
    reorder_wait_s: float = 0.1,
    delay_s: float = 0.0,
    jitter_s: float = 0.0,
    rate_bps: float | None = None,
    seed: int = 0,
    clock: Timers | None = None,
) -> tuple[Channels, Channels]:
    """Two ends of one call, open, joined in this process.

    Motion and sound messages are lost with the probability `loss`, and where `drop(n)` says so for the n-th of them in
    a direction (from 0). One of these is held back with the probability `reorder`, until a later one has overtaken it
    or `reorder_wait_s` is over; each also waits up to `jitter_s` more. The other two lose and reorder nothing.
    Every message takes `delay_s`, and with `rate_bps` also its time on a wire of that many bits a second (with
    MESSAGE_OVERHEAD), waiting for its turn behind the messages of all channels: then `buffered_amount` grows.
    Nothing is delivered inside `send`. `clock` runs it all; the default is the running event loop.
    """
    timers = clock if clock is not None else asyncio.get_running_loop()
    conditions = _Conditions(
        loss=loss,
        drop=drop,
        reorder=reorder,
        reorder_wait_s=reorder_wait_s,
        delay_s=delay_s,
        jitter_s=jitter_s,
        rate_bps=rate_bps,
    )
    links = _Link(conditions, timers, 2 * seed), _Link(conditions, timers, 2 * seed + 1)
    ends: tuple[list[MemoryChannel], list[MemoryChannel]] = ([], [])
    for name in ("reference", "motion", "control", "sound"):
        near, far = (MemoryChannel(f"facewire/{name}", link, lossy=name in ("motion", "sound")) for link in links)
        near.join(far)
        ends[0].append(near)
        ends[1].append(far)
    near_end, far_end = (Channels(*channels[:3], sound=channels[3]) for channels in ends)
    return near_end, far_end
