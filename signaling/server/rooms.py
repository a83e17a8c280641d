"""Signaling, rooms: who sits where. No sockets, no time of its own.

A room has one seat for a sender and one for a receiver, or as many as its sender says; or seats for equals, as many as
the least of them takes. One equal and one end of another role are a room of two. A room is there as long as anybody
sits in it. An end whose line breaks keeps its seat for `grace_s`: when it is back by then nobody was told anything,
what was said to it meanwhile is handed over, and a running call goes on. Another end may take the seat of one that is
away at once.

An end is known again by the secret that it came with the first time. Its name is no proof: the other end knows it.
"""

import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from signaling.protocol.messages import PeerLeft, Role
from signaling.protocol.quantities import MOST_VIEWERS
from signaling.server.words import departed

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
    viewers: int = 1  # receivers that a room seats before its sender has said how many it takes
    most_viewers: int = MOST_VIEWERS  # that a sender may take


@dataclass(slots=True, eq=False)
class Seat(Generic[LineT]):
    """One end in a room; `line` is None while the end is away."""

    end: str
    line: LineT | None
    secret: str = field(default="", repr=False)
    address: str = ""
    viewers: int = 1  # how many others it takes, if it is an equal
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
    seats: list[tuple[Role, Seat[LineT]]]  # in the order in which they were taken
    used_s: float
    viewers: int  # receivers that it seats

    def of(self, role: Role) -> tuple[Seat[LineT], ...]:
        return tuple(seat for at, seat in self.seats if at == role)

    @property
    def lines(self) -> tuple[LineT, ...]:
        return tuple(seat.line for _, seat in self.seats if seat.line is not None)

    @property
    def waits(self) -> bool:
        """Whether nobody here has anybody to call."""
        return len(self.seats) == 1 or {role for role, _ in self.seats} in ({"sender"}, {"receiver"})

    def company(self, role: Role, end: str) -> tuple[tuple[Role, Seat[LineT]], ...]:
        """Whom an end can call: the other role and equals; an equal everybody else."""
        if role == "equal":
            return tuple((at, seat) for at, seat in self.seats if at != "equal" or seat.end != end)
        return tuple((at, seat) for at, seat in self.seats if at != role)


@dataclass(frozen=True, slots=True)
class Sweep(Generic[LineT]):
    """What time has brought: lines to tell who has left, and lines of rooms that expired."""

    bereaved: tuple[tuple[LineT, PeerLeft], ...]
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
        return tuple(line for room in self._rooms.values() for line in room.lines)

    def seats(self, room: str, role: Role) -> tuple[Seat[LineT], ...]:
        """Who sits at `role`, the longest there first."""
        return self._rooms[room].of(role) if room in self._rooms else ()

    def seat(self, room: str, role: Role, end: str | None = None) -> Seat[LineT] | None:
        """The seat of `end` at `role`, or the first one there; None where nobody sits."""
        return next((seat for seat in self.seats(room, role) if end in (None, seat.end)), None)

    def company(self, room: str, role: Role, end: str) -> tuple[tuple[Role, Seat[LineT]], ...]:
        """Whom an end at `role` can call, and what they are, the longest there first."""
        return self._rooms[room].company(role, end) if room in self._rooms else ()

    def places(self, room: str, role: Role) -> int:
        """How many may sit at `role`."""
        if role == "sender":
            return 1
        if role == "equal":
            return 1 + min((seat.viewers for seat in self.seats(room, role)), default=self._limits.most_viewers)
        return self._rooms[room].viewers if room in self._rooms else self._limits.viewers

    def takes(self, room: str, *, viewers: int) -> tuple[LineT, ...]:
        """The room's sender takes so many receivers. Lines of those who came last and are too many: they have to go."""
        place = self._rooms[room]
        place.viewers = min(viewers, self._limits.most_viewers)
        surplus = place.of("receiver")[place.viewers :]
        for seat in surplus:
            place.seats.remove(("receiver", seat))
        return tuple(seat.line for seat in surplus if seat.line is not None)

    def in_the_way(
        self, room: str, role: Role, *, viewers: int = 1, present_only: bool = False
    ) -> tuple[tuple[Role, Seat[LineT]], ...]:
        """Those of whom some have to go before one more end can sit at `role`; none where there is a place.

        `viewers` is how many others it takes, as an equal. With `present_only`, those who are away are gone already.
        """
        if room not in self._rooms:
            return ()
        there = [one for one in self._rooms[room].seats if one[1].line is not None or not present_only]
        equals = [one for one in there if one[0] == "equal"]
        if role == "equal" and len(equals) == len(there):
            places = 1 + min([viewers, self._limits.most_viewers, *(seat.viewers for _, seat in equals)])
            return tuple(equals) if len(equals) >= places else ()
        if role == "equal" or equals:
            return tuple(there) if len(there) > 1 else ()
        own = [one for one in there if one[0] == role]
        return tuple(own) if len(own) >= self.places(room, role) else ()

    def make_way(self, room: str, role: Role, *, viewers: int) -> tuple[tuple[Role, Seat[LineT]], ...]:
        """Clears seats of ends that are away, as many as are in the way of an end among equals; whose they were."""
        gone: list[tuple[Role, Seat[LineT]]] = []
        while blocking := self.in_the_way(room, role, viewers=viewers):
            among_equals = role == "equal" or any(at == "equal" for at, _ in blocking)
            away = next((one for one in blocking if one[1].line is None), None)
            if away is None or not among_equals:
                break
            gone.append(away)
            self._clear(room, *away)
        return tuple(gone)

    def why_full(self, room: str, address: str) -> str | None:
        """Why an end from `address` may not have a seat in `room`; None where it may."""
        if room not in self._rooms and len(self._rooms) >= self._limits.rooms:
            return "the server has no room left"
        theirs = [name for name, one in self._rooms.items() if any(s.address == address for _, s in one.seats)]
        if room not in theirs and len(theirs) >= self._limits.rooms_per_address:
            return f"ends from this address are in {len(theirs)} rooms already"
        return None

    def sit(
        self,
        room: str,
        role: Role,
        *,
        end: str,
        line: LineT,
        secret: str = "",
        address: str = "",
        viewers: int = 1,
    ) -> tuple[Seat[LineT], Seat[LineT] | None]:
        """Gives `end` a seat. Returns it, and the seat as it was before, if somebody sat there.

        An end that returns, with its secret, has its seat back, with what was kept for it. Where all places are taken
        the end replaces one of its name, or one that is away, or else the first.
        """
        place = self._rooms.setdefault(room, _Room([], self._now_s(), self._limits.viewers))
        place.used_s = self._now_s()
        there = place.of(role)
        given_up = next((seat for seat in there if seat.end == end), None)
        if given_up is not None and given_up.is_of(end, secret):
            before = replace(given_up, kept=deque())
            given_up.line, given_up.address = line, address
            return given_up, before
        if given_up is None and len(there) >= self.places(room, role):
            given_up = next((seat for seat in there if seat.line is None), there[0])
        if given_up is not None:
            place.seats.remove((role, given_up))
        seat = Seat(end, line, secret, address, min(viewers, self._limits.most_viewers))
        place.seats.append((role, seat))
        return seat, given_up

    def use(self, room: str) -> None:
        """Something was said in the room: it is not idle."""
        if room in self._rooms:
            self._rooms[room].used_s = self._now_s()

    def leave(self, room: str, role: Role, *, line: LineT, orderly: bool) -> bool:
        """The line is gone. True when the seat is free now, False when it is kept or was somebody else's by then."""
        seat = next((one for one in self.seats(room, role) if one.line is line), None)
        if seat is None:
            return False
        if not orderly:
            seat.line, seat.away_since_s = None, self._now_s()
            return False
        self._clear(room, role, seat)
        return True

    def departure(self, room: str, role: Role, end: str, *, to: Role) -> PeerLeft:
        """How it is told to a `to` that `end` has left: by its name where there may be others of its role."""
        return departed(role, end, to=to, is_one_of_many=self.places(room, role) > 1)

    def sweep(self) -> Sweep[LineT]:
        """Clears the seats of ends that stayed away, and the rooms in which all wait in vain for too long."""
        now_s = self._now_s()
        bereaved: list[tuple[LineT, PeerLeft]] = []
        expired: list[LineT] = []
        for name, room in tuple(self._rooms.items()):
            for role, seat in tuple(room.seats):
                if seat.line is None and now_s - seat.away_since_s >= self._limits.grace_s:
                    company = [(at, one.line) for at, one in room.company(role, seat.end) if one.line is not None]
                    bereaved += [(line, self.departure(name, role, seat.end, to=at)) for at, line in company]
                    self._clear(name, role, seat)
            if room.waits and now_s - room.used_s >= self._limits.idle_timeout_s:
                expired += room.lines
                del self._rooms[name]
        return Sweep(tuple(bereaved), tuple(expired))

    def _clear(self, room: str, role: Role, seat: Seat[LineT]) -> None:
        place = self._rooms[room]
        place.seats.remove((role, seat))
        place.used_s = self._now_s()
        if not place.seats:
            del self._rooms[room]
