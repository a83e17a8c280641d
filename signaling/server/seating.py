"""Signaling, seating: who gets a seat, who hears of it, and whom the words of an end are for.

The server checks every message, and relays offers, answers, candidates and byes as they are, to the one end that they
are for. An end says in `by` who it is, or nothing; equals have to say it.
"""

import asyncio
import itertools
import logging
import operator
from collections.abc import Callable, Iterable

from aiohttp import WSCloseCode

from signaling.errors import MessageError
from signaling.printable import printable
from signaling.protocol.messages import (
    Answer,
    Bye,
    Candidate,
    Hello,
    Message,
    Offer,
    Refusal,
    Refused,
    Role,
    Welcome,
    decode,
    encode,
)
from signaling.server.line import Line
from signaling.server.rooms import RoomLimits, Rooms, Seat
from signaling.server.words import arrived

__all__ = ["NotAllowed", "Seating", "understand"]

_log = logging.getLogger(__name__)

_Company = Iterable[tuple[Role, Seat[Line]]]


class NotAllowed(Exception):
    """This end may not be here (any longer)."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.message = Refused(reason, printable(detail, longest=256))


def understand(data: bytes) -> Message:
    """A message of an end. Raises NotAllowed for what is none."""
    try:
        return decode(data)
    except MessageError as error:
        raise NotAllowed("message", str(error)) from None


class Seating:
    """The rooms of a server and the lines into them."""

    def __init__(self, limits: RoomLimits, *, now_s: Callable[[], float], probe_s: float) -> None:
        self.rooms: Rooms[Line] = Rooms(limits, now_s=now_s)
        self._probe_s = probe_s

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of all ends that are in a room."""
        return self.rooms.lines

    def returns(self, hello: Hello) -> bool:
        """Whether this end has a seat already, and proves that it is its own."""
        seat = self.rooms.seat(hello.room, hello.role, hello.end)
        return seat is not None and seat.is_of(hello.end, hello.secret)

    def sweep(self) -> None:
        """Does what time asks for: empties the seats of ends that stayed away, closes idle rooms and silent lines."""
        swept = self.rooms.sweep()
        for line, word in swept.bereaved:
            line.post(encode(word))
        for line in swept.expired:
            line.finish(Refused("expired", "nobody came into the room"))
        for line in self.lines:
            line.cut_if_closed()

    async def say_goodbye(self, *, within_s: float) -> None:
        """Sends all ends away; those that do not take it in time are cut."""
        lines = self.lines
        for line in lines:
            line.finish(Refused("closing", "the server shuts down"), code=WSCloseCode.GOING_AWAY)
        await asyncio.gather(*(line.gone(within_s) for line in lines))

    async def make_room(self, hello: Hello, address: str) -> None:
        """Returns when there is a place: a free one, or that of an end that is away, dead, or this same end.

        Raises NotAllowed where there is none.
        """
        while not self.returns(hello):
            namesake = self.rooms.seat(hello.room, hello.role, hello.end)
            if (full := self.rooms.why_full(hello.room, address)) is not None:
                raise NotAllowed("full", full)
            if namesake is not None and namesake.secret:
                raise NotAllowed("taken", "that is the name of another end")
            if namesake is None:
                holders = self.rooms.in_the_way(hello.room, hello.role, viewers=hello.viewers, present_only=True)
            else:
                holders = ((hello.role, namesake),) if namesake.line is not None else ()
            if not holders:
                return
            await self._probe(hello, holders)

    async def _probe(self, hello: Hello, holders: _Company) -> None:
        """Takes the lines of those that are dead away from them. Raises NotAllowed where all are alive."""
        held = [(role, seat.line) for role, seat in holders if seat.line is not None]
        alive = await asyncio.gather(*(line.answers(self._probe_s) for _, line in held))
        if all(alive):
            raise self._no_place(hello)
        for role, line in itertools.compress(held, map(operator.not_, alive)):
            self.rooms.leave(hello.room, role, line=line, orderly=False)
            line.cut()

    def _no_place(self, hello: Hello) -> NotAllowed:
        room, role = hello.room, hello.role
        roles = {at for at, _ in self.rooms.in_the_way(room, role, viewers=hello.viewers)}
        is_full = f"room {room} is full"
        if role == "equal" and roles == {"equal"}:
            there, places = len(self.rooms.seats(room, role)), self.rooms.places(room, role)
            if there < places:
                return NotAllowed("full", f"{is_full} for this end: {there} are there, and it takes {hello.viewers}")
            return NotAllowed("full", f"{is_full}: it takes {places} ends, and all of them are there")
        if role == "equal" or "equal" in roles:
            why = "a call of several and an end that calls one other alone do not go together"
            return NotAllowed("full", f"{is_full}: {why}")
        places = self.rooms.places(room, role)
        if places == 1:
            return NotAllowed("taken", f"room {room} has a {role} already")
        return NotAllowed("full", f"{is_full}: it takes {places} receivers, and all of them are there")

    def seat(self, hello: Hello, line: Line, address: str) -> None:
        """The end is in: it is welcomed, and the others hear of it."""
        room, role, end = hello.room, hello.role, hello.end
        if self.rooms.seat(room, role, end) is None:
            for at, gone in self.rooms.make_way(room, role, viewers=hello.viewers):
                self._tell_departure(room, at, gone.end)
        seat, before = self.rooms.sit(
            room, role, end=end, line=line, secret=hello.secret, address=address, viewers=hello.viewers
        )
        returns = before is not None and before.is_of(end, hello.secret)
        article = "an" if role == "equal" else "a"
        _log.info("room %s: %s %s is %s, from %s", room, article, role, "back" if returns else "there", address)
        if before is not None and before.line is not None:
            before.line.cut()
        if role == "sender":
            self._send_surplus_away(hello)
        line.post(encode(self._welcome(hello)))
        while seat.kept:
            line.post(seat.kept.popleft())
        if returns:
            return
        if before is not None and self.rooms.places(room, role) > 1:
            self._tell_departure(room, role, before.end, but=end)
        for at, other in self.rooms.company(room, role, end):
            _post(other, encode(arrived(role, end, to=at)))

    def _send_surplus_away(self, hello: Hello) -> None:
        for surplus in self.rooms.takes(hello.room, viewers=hello.viewers):
            surplus.finish(Refused("full", f"the sender of room {hello.room} takes {hello.viewers} of the receivers"))

    def _welcome(self, hello: Hello) -> Welcome:
        company = self.rooms.company(hello.room, hello.role, hello.end)
        others = tuple(other.end for _, other in company)
        first = others[0] if others else ""
        if hello.role == "equal":
            role = company[0][0] if company else "equal"
            viewers = max(1, self.rooms.places(hello.room, "equal") - 1)
            return Welcome(bool(others), first, viewers, others, "" if role == "equal" else role)
        with_equal = any(role == "equal" for role, _ in company)
        places = 1 if with_equal else self.rooms.places(hello.room, "receiver")
        return Welcome(bool(others), first, places, others if hello.role == "sender" and places > 1 else ())

    def relay(self, hello: Hello, data: bytes) -> None:
        """Passes a message on as it came, so that fields of later versions survive. Raises NotAllowed."""
        message = understand(data)
        if not isinstance(message, Offer | Answer | Candidate | Bye):
            raise NotAllowed("message", "only offer, answer, candidate and bye are relayed")
        if message.by != hello.end and (message.by or hello.role == "equal"):
            raise NotAllowed("message", "by is not the name of this end")
        self.rooms.use(hello.room)
        others = [other for _, other in self.rooms.company(hello.room, hello.role, hello.end)]
        if hello.role != "receiver" and message.to:
            others = [other for other in others if other.end == message.to]
        if len(others) != 1:
            return  # nobody is there, or nobody knows which of them is meant
        if others[0].line is None:
            others[0].keep(data)
        else:
            others[0].line.post(data)

    def leave(self, hello: Hello, line: Line, *, is_closing: bool) -> None:
        """The end's line is gone, and where it left in order the others hear of it.

        Ends that lose the server only lose the server: nobody is told that the other one left.
        """
        room, role, end = hello.room, hello.role, hello.end
        others = self.rooms.company(room, role, end)
        words = [encode(self.rooms.departure(room, role, end, to=at)) for at, _ in others]
        left = self.rooms.leave(room, role, line=line, orderly=line.orderly)
        _log.info("room %s: the %s %s", room, role, "left" if left else "broke off or was replaced")
        if left and not is_closing:
            for (_, other), word in zip(others, words, strict=True):
                _post(other, word)

    def _tell_departure(self, room: str, role: Role, end: str, *, but: str = "") -> None:
        for at, other in self.rooms.company(room, role, end):
            if other.end != but:
                _post(other, encode(self.rooms.departure(room, role, end, to=at)))


def _post(seat: Seat[Line], data: bytes) -> None:
    """To one who is there; who is away learns it from the welcome."""
    if seat.line is not None:
        seat.line.post(data)
