"""Signaling, rooms: who sits where. No sockets, no time of its own.

A room has two seats, one for each role, and is there as long as anybody sits in it. An end whose line breaks keeps its
seat for `grace_s`: when it is back by then nobody was told anything, what was said to it meanwhile is handed over, and
a running call goes on. Another end may take the seat of one that is away at once.

An end is known again by the secret that it came with the first time. Its name is no proof: the other end knows it.
"""

import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from signaling.messages import Role

__all__ = ["IDLE_TIMEOUT_S", "RoomLimits", "Rooms", "Seat", "Sweep"]

IDLE_TIMEOUT_S = 3600.0

# Kept for an end that is away: an offer or an answer, and its candidates.
_KEPT_MESSAGES = 32
_KEPT_BYTES = 131_072

LineT = TypeVar("LineT")  # whatever connects an end to the server


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLimits:
    """How long and how many."""

    idle_timeout_s: float = IDLE_TIMEOUT_S  # a room in which one end waits in vain is closed after this
    grace_s: float = 3.0  # an end whose line broke keeps its seat for this long
    rooms: int = 1000
    rooms_per_address: int = 32  # in which ends from one address sit


@dataclass(slots=True)
class Seat(Generic[LineT]):
    """One end in a room; `line` is None while the end is away."""

    end: str
    line: LineT | None
    secret: str = field(default="", repr=False)
    address: str = ""
    away_since_s: float = 0.0
    kept: deque[bytes] = field(default_factory=deque)

    def is_of(self, end: str, secret: str) -> bool:
        """Whether this is the seat of the end that calls itself so. One that came without a secret is never known."""
        return self.end == end and secret != "" and hmac.compare_digest(self.secret.encode(), secret.encode())

    def keep(self, data: bytes) -> None:
        """Keeps a message until the end is back; the oldest ones go where they are too many or too large."""
        self.kept.append(data)
        while len(self.kept) > _KEPT_MESSAGES or sum(map(len, self.kept)) > _KEPT_BYTES:
            self.kept.popleft()


@dataclass(slots=True)
class _Room(Generic[LineT]):
    seats: dict[Role, Seat[LineT]]
    used_s: float


@dataclass(frozen=True, slots=True)
class Sweep(Generic[LineT]):
    """What time has brought: lines to tell that the role is empty now, and lines of rooms that expired."""

    bereaved: tuple[tuple[LineT, Role], ...]
    expired: tuple[LineT, ...]


class Rooms(Generic[LineT]):
    """All rooms of one server; `now_s` is the clock."""

    def __init__(self, limits: RoomLimits, *, now_s: Callable[[], float]) -> None:
        self._limits = limits
        self._now_s = now_s
        self._rooms: dict[str, _Room[LineT]] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def lines(self) -> tuple[LineT, ...]:
        """The lines of all ends that are there."""
        seats = (seat for room in self._rooms.values() for seat in room.seats.values())
        return tuple(seat.line for seat in seats if seat.line is not None)

    def seat(self, room: str, role: Role) -> Seat[LineT] | None:
        """Who sits at `role`, if anybody does."""
        return self._rooms[room].seats.get(role) if room in self._rooms else None

    def why_full(self, room: str, address: str) -> str | None:
        """Why an end from `address` may not have a seat in `room`; None where it may."""
        if room not in self._rooms and len(self._rooms) >= self._limits.rooms:
            return "the server has no room left"
        theirs = [name for name, one in self._rooms.items() if any(s.address == address for s in one.seats.values())]
        if room not in theirs and len(theirs) >= self._limits.rooms_per_address:
            return f"ends from this address are in {len(theirs)} rooms already"
        return None

    def sit(
        self, room: str, role: Role, *, end: str, line: LineT, secret: str = "", address: str = ""
    ) -> tuple[Seat[LineT], LineT | None]:
        """Gives `end` the seat. Returns the seat, and the line that is cut off by it, if there was one.

        An end that returns, with its secret, has its seat back, with what was kept for it.
        """
        place = self._rooms.setdefault(room, _Room({}, self._now_s()))
        place.used_s = self._now_s()
        earlier = place.seats.get(role)
        cut = earlier.line if earlier is not None else None
        if earlier is None or not earlier.is_of(end, secret):
            earlier = place.seats[role] = Seat(end, line, secret)
        earlier.line, earlier.address = line, address
        return earlier, cut

    def use(self, room: str) -> None:
        """Something was said in the room: it is not idle."""
        if room in self._rooms:
            self._rooms[room].used_s = self._now_s()

    def leave(self, room: str, role: Role, *, line: LineT, orderly: bool) -> bool:
        """The line is gone. True when the seat is free now, False when it is kept or was somebody else's by then."""
        seat = self.seat(room, role)
        if seat is None or seat.line is not line:
            return False
        if not orderly:
            seat.line, seat.away_since_s = None, self._now_s()
            return False
        self._clear(room, role)
        return True

    def sweep(self) -> Sweep[LineT]:
        """Clears the seats of ends that stayed away, and the rooms in which one end waited too long."""
        now_s = self._now_s()
        bereaved: list[tuple[LineT, Role]] = []
        expired: list[LineT] = []
        for name, room in tuple(self._rooms.items()):
            for role, seat in tuple(room.seats.items()):
                if seat.line is None and now_s - seat.away_since_s >= self._limits.grace_s:
                    self._clear(name, role)
                    bereaved += [(other.line, role) for other in room.seats.values() if other.line is not None]
            if len(room.seats) == 1 and now_s - room.used_s >= self._limits.idle_timeout_s:
                expired += [seat.line for seat in room.seats.values() if seat.line is not None]
                del self._rooms[name]
        return Sweep(tuple(bereaved), tuple(expired))

    def _clear(self, room: str, role: Role) -> None:
        place = self._rooms[room]
        del place.seats[role]
        place.used_s = self._now_s()
        if not place.seats:
            del self._rooms[room]
