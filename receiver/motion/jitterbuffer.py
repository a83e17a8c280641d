"""Stages 6 and 7, depacketise: reorders motion messages, declares them lost, decides when to ask for a keyframe.

Pure logic: no thread, no socket, and the clock comes in with every call (microseconds of any monotonic clock).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

Message = TypeVar("Message")

SEQUENCE_MODULUS = 1 << 16
MAX_DROPOUT = 3000  # RFC 3550 appendix A.1: a jump ahead by more than this is a restart of the numbering, not loss
MAX_MISORDER = 100  # and so is a step back by more than this


def unwrap(value: int, *, near: int, modulus: int) -> int:
    """The integer nearest to `near` that is congruent to `value`: turns a wrapping counter into one that does not."""
    half = modulus // 2
    return near + (value - near + half) % modulus - half


@dataclass(frozen=True, slots=True)
class Released(Generic[Message]):
    """A message on its way to the decoder.

    `lost_before` messages directly before it are given up; `late` tells that this one was given up itself earlier
    (its frames may still be in time for display, because no message depends on another).
    """

    sequence: int  # unwrapped
    message: Message
    arrived_us: int
    lost_before: int
    late: bool


class JitterBuffer(Generic[Message]):
    """Puts messages back into sequence order and decides which never come.

    A message behind a gap is held until the gap closes, at most `wait_us` after its arrival. The wait follows what the
    path does: it starts small, doubles past each message that came after it was given up, and decays again, so a path
    that loses but never reorders pays no delay for reordering. At most `capacity` messages are held.
    """

    def __init__(self, *, wait_us: int = 10_000, longest_wait_us: int = 60_000, capacity: int = 64) -> None:
        self._shortest_us = wait_us
        self._longest_us = longest_wait_us
        self._capacity = capacity
        self._wait_us = wait_us
        self._held: dict[int, tuple[Message, int]] = {}
        self._late: list[Released[Message]] = []
        self._next: int | None = None  # the sequence to hand out next
        self._given_up: dict[int, int] = {}  # sequence -> when it was declared lost, bounded
        self._restart_at: int | None = None
        self.counts: Counter[str] = Counter()  # received, lost, late, duplicate, reordered, restarts

    @property
    def wait_us(self) -> int:
        """How long a gap may hold up the messages behind it, now."""
        return self._wait_us

    def add(self, sequence: int, message: Message, *, now_us: int) -> bool:
        """Takes a message as it arrives; `sequence` is its 16-bit number. False: it is of no use, or here already."""
        if self._next is None:
            self._next = sequence
        unwrapped = unwrap(sequence, near=self._next, modulus=SEQUENCE_MODULUS)
        ahead = unwrapped - self._next
        if not -MAX_MISORDER <= ahead <= MAX_DROPOUT:
            if self._restart_at != sequence:  # RFC 3550: believe a restart once two numbers in a row agree on it
                self._restart_at = (sequence + 1) % SEQUENCE_MODULUS
                self.counts["dropped"] += 1
                return False
            self._restart(unwrapped)
            ahead = 0
        self._restart_at = None
        if ahead < 0:
            return self._add_late(unwrapped, message, now_us=now_us)
        if unwrapped in self._held:
            self.counts["duplicate"] += 1
            return False
        self.counts["received"] += 1
        if self._held and unwrapped < max(self._held):
            self.counts["reordered"] += 1
        self._held[unwrapped] = (message, now_us)
        return True

    def _restart(self, unwrapped: int) -> None:
        self.counts["restarts"] += 1
        self._held.clear()
        self._given_up.clear()
        self._next = unwrapped

    def _add_late(self, unwrapped: int, message: Message, *, now_us: int) -> bool:
        declared_us = self._given_up.pop(unwrapped, None)
        if declared_us is None:
            self.counts["duplicate"] += 1
            return False
        self.counts["received"] += 1
        self.counts["late"] += 1
        self.counts["lost"] -= 1
        lateness_us = now_us - declared_us + self._wait_us
        self._wait_us = min(self._longest_us, max(self._wait_us, 2 * lateness_us))
        self._late.append(Released(unwrapped, message, now_us, 0, True))
        del self._late[: -self._capacity]
        return True

    def take(self, *, now_us: int) -> list[Released[Message]]:
        """What can go to the decoder now, in order; late messages first."""
        released, self._late = self._late, []
        while self._held:
            first = min(self._held)
            message, arrived_us = self._held[first]
            lost = first - self._expected
            if lost and now_us < arrived_us + self._wait_us and len(self._held) <= self._capacity:
                break
            del self._held[first]
            self._give_up(first, lost, now_us=now_us)
            released.append(Released(first, message, arrived_us, lost, False))
            self._next = first + 1
        return released

    def _give_up(self, first: int, lost: int, *, now_us: int) -> None:
        if not lost:
            self._wait_us = max(self._shortest_us, self._wait_us - self._wait_us // 64)
            return
        self.counts["lost"] += lost
        for sequence in range(max(first - lost, first - MAX_MISORDER), first):
            self._given_up[sequence] = now_us
        while len(self._given_up) > MAX_MISORDER:
            del self._given_up[next(iter(self._given_up))]

    @property
    def _expected(self) -> int:
        assert self._next is not None
        return self._next

    @property
    def deadline_us(self) -> int | None:
        """When `take` will have something without another arrival; None when it waits for arrivals only."""
        if self._late:
            return 0
        if not self._held:
            return None
        first = min(self._held)
        return self._held[first][1] + (self._wait_us if first != self._next else 0)

    @property
    def loss(self) -> float:
        """Fraction of all messages so far that never came, 0..1."""
        total = self.counts["received"] + self.counts["lost"]
        return self.counts["lost"] / total if total else 0.0


class KeyframeRequests:
    """Says when to ask the sender for a keyframe: at once, then again with back-off until a picture is decoded.

    Requests are at least `spacing_us` apart whatever happens; each unanswered one doubles the wait, up to `longest_us`.
    """

    def __init__(self, *, spacing_us: int = 400_000, longest_us: int = 2_000_000) -> None:
        self._spacing_us = spacing_us
        self._longest_us = longest_us
        self._wait_us = spacing_us
        self._earliest_us = 0
        self._reason: str | None = None
        self.sent = 0

    def need(self, reason: str) -> None:
        """A picture cannot be made for want of a reference."""
        if self._reason is None:
            self._reason = reason

    def satisfied(self) -> None:
        """A picture was decoded: no request is due, and the back-off starts over."""
        self._reason = None
        self._wait_us = self._spacing_us

    def arriving(self, *, now_us: int) -> None:
        """Part of a reference has come: asking again now would only slow it down."""
        if self.sent:
            self._earliest_us = max(self._earliest_us, now_us + self._spacing_us)

    def poll(self, *, now_us: int) -> str | None:
        """The reason to put into a request that is to be sent now, or None."""
        if self._reason is None or now_us < self._earliest_us:
            return None
        self.sent += 1
        self._earliest_us = now_us + self._wait_us
        self._wait_us = min(self._longest_us, 2 * self._wait_us)
        return self._reason
