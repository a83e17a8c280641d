"""Signaling, server: rooms over WebSocket, where a sender and its receivers find each other.

One sender and one receiver to a room, or as many receivers as the sender says. The server checks every message and
relays offers, answers, candidates and byes to the other end as they are, the sender's to the receiver that they name;
it never sees pictures, and nothing of a call passes through it once the ends have met.

A seat that is taken stays taken while its holder answers a WebSocket ping; a holder that does not answer within
`probe_s` is dead and is replaced. `GET /health` answers `{"status": "ok", "rooms": N, "ends": N}`.

Each end has a coroutine that reads it and a task that writes to it (`line`); what one end does or leaves undone is
waited for in its own coroutine alone.
"""

import asyncio
import contextlib
import itertools
import logging
import operator
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from aiohttp import WSCloseCode, web

from signaling.errors import MessageError
from signaling.printable import printable
from signaling.protocol.messages import (
    MAX_BYTES,
    Answer,
    Bye,
    Candidate,
    Hello,
    Message,
    Offer,
    PeerJoined,
    Refusal,
    Refused,
    Role,
    Welcome,
    decode,
    encode,
)
from signaling.server.admission import Admission
from signaling.server.door import Connection, Door, listeners
from signaling.server.line import Line, NotBinary
from signaling.server.quotas import Meter
from signaling.server.rooms import Rooms, Seat
from signaling.server.settings import ServerSettings

__all__ = ["SignalingServer", "listening"]

_log = logging.getLogger(__name__)


class _Refuse(Exception):
    """This end may not be here (any longer)."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.message = Refused(reason, printable(detail, longest=256))


class SignalingServer:
    """The rooms of one server and the lines into them; `listening` puts it on a port. Clock and wait are arguments."""

    def __init__(
        self,
        *,
        token: str | None = None,
        settings: ServerSettings | None = None,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings if settings is not None else ServerSettings()
        self.door: Door | None = None  # while it listens
        self._now_s = now_s
        self._sleep = sleep
        self._rooms: Rooms[Line] = Rooms(self.settings.limits, now_s=now_s)
        self._of_addresses = Meter(self.settings.address_messages, now_s=now_s)
        self._admission = Admission(token, now_s=now_s)
        self._is_closing = False

    def application(self) -> web.Application:
        """The aiohttp application: WebSocket at /, health at /health."""
        application = web.Application()
        application.router.add_get("/", self._meet)
        application.router.add_get("/health", self._health)
        return application

    def open_door(self, protocol: Callable[[], asyncio.Protocol], *, tls: ssl.SSLContext | None) -> Door:
        """The door through which connections come in, to be served by what `protocol` makes."""
        self.door = Door(protocol, settings=self.settings, tls=tls, now_s=self._now_s)
        return self.door

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of all ends that are in a room."""
        return self._rooms.lines

    def sweep(self) -> None:
        """Does what time asks for: empties the seats of ends that stayed away, closes idle rooms and silent lines."""
        swept = self._rooms.sweep()
        for line, word in swept.bereaved:
            line.post(encode(word))
        for line in swept.expired:
            line.finish(Refused("expired", "nobody came into the room"))
        for line in self.lines:
            line.cut_if_closed()
        if self.door is not None:
            self.door.sweep()

    async def say_goodbye(self) -> None:
        """Sends all ends away; those that do not take it within `close_s` are cut."""
        self._is_closing = True
        lines = self.lines
        for line in lines:
            line.finish(Refused("closing", "the server shuts down"), code=WSCloseCode.GOING_AWAY)
        await asyncio.gather(*(line.gone(self.settings.close_s) for line in lines))

    async def _health(self, request: web.Request) -> web.Response:
        answer = web.json_response({"status": "ok", "rooms": len(self._rooms), "ends": len(self.lines)})
        answer.force_close()
        return answer

    async def _meet(self, request: web.Request) -> web.StreamResponse:
        connection = self._admit(request)
        socket = web.WebSocketResponse(
            heartbeat=self.settings.heartbeat_s,
            max_msg_size=MAX_BYTES,
            autoping=False,
            autoclose=False,  # all that is written, the writer writes
            compress=False,
            timeout=self.settings.close_s,
            writer_limit=0,  # the writer waits until a message has left, not until some have piled up
        )
        await socket.prepare(request)
        line = Line(request, socket, toll=self._toll(connection))
        try:
            await self._serve(line, connection)
        except _Refuse as refuse:
            line.finish(refuse.message)
        except NotBinary:
            line.finish(Refused("message", "messages are binary"))
        finally:
            line.finish()
            await line.gone(self.settings.close_s)
        return socket

    def _admit(self, request: web.Request) -> Connection:
        """The connection of this request. Raises an HTTP error where a web page or too many stand behind it."""
        connection = self.door.find(request.protocol) if self.door is not None else None
        if connection is None:  # shown out while its request was on the way
            raise web.HTTPServiceUnavailable
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self.settings.origins:
            raise web.HTTPForbidden(text="pages of this origin may not connect")
        if connection.is_proxied and (hops := ",".join(request.headers.getall("X-Forwarded-For", []))):
            assert self.door is not None
            if not self.door.forwarded(connection, hops.rpartition(",")[2].strip()[:64]):
                raise web.HTTPTooManyRequests
        return connection

    def _toll(self, connection: Connection) -> Callable[[int], Awaitable[None]]:
        """Counts what comes from a connection, and makes it wait where it, or its address, says too much."""
        own = Meter(self.settings.line_messages, now_s=self._now_s)

        async def toll(size_bytes: int) -> None:
            wait_s = max(
                own.take(size_bytes=size_bytes),
                self._of_addresses.take(connection.address, size_bytes=size_bytes),
            )
            if wait_s > 0.0:
                await self._sleep(wait_s)

        return toll

    async def _serve(self, line: Line, connection: Connection) -> None:
        """One end, from its hello to its end. Raises _Refuse and NotBinary."""
        data = await line.receive()  # the door shows out whoever does not come to it
        if data is None:
            return
        hello = _understand(data)
        if not isinstance(hello, Hello):
            raise _Refuse("message", "the first message has to be a hello")
        self._check_token(hello, connection.address)
        if not (hello.room and hello.end and hello.room.isprintable()):
            raise _Refuse("name", "a room needs a name of printable characters, and an end needs one too")
        await self._make_room(hello, connection.address)
        connection.is_settled = True
        self._seat(hello, line, connection.address)
        await self._stay(hello, line)

    def _check_token(self, hello: Hello, address: str) -> None:
        """Raises _Refuse for a wrong token, and for any where many wrong ones came from, but from ends that return."""
        seat = self._rooms.seat(hello.room, hello.role, hello.end)
        returns = seat is not None and seat.is_of(hello.end, hello.secret)
        if (refusal := self._admission.refusal(hello, address, returns=returns)) is not None:
            raise _Refuse(*refusal)

    async def _stay(self, hello: Hello, line: Line) -> None:
        """Relays what a seated end says, and clears up after it. Raises _Refuse and NotBinary."""
        try:
            while (data := await line.receive()) is not None:
                self._relay(hello, data)
        except (_Refuse, NotBinary):
            line.orderly = True  # it is sent away: no seat is kept for it
            raise
        finally:
            others = self._rooms.seats(hello.room, _other(hello.role))
            word = encode(self._rooms.departure(hello.room, hello.role, hello.end))
            left = self._rooms.leave(hello.room, hello.role, line=line, orderly=line.orderly)
            _log.info("room %s: the %s %s", hello.room, hello.role, "left" if left else "broke off or was replaced")
            # Ends that lose the server only lose the server: nobody is told that the other one left.
            if left and not self._is_closing:
                _tell(others, word)

    async def _make_room(self, hello: Hello, address: str) -> None:
        """Returns when there is a place: a free one, or that of an end that is away, dead, or this same end."""
        while True:
            seats = self._rooms.seats(hello.room, hello.role)
            namesake = self._rooms.seat(hello.room, hello.role, hello.end)
            if namesake is not None and namesake.is_of(hello.end, hello.secret):
                return
            if (full := self._rooms.why_full(hello.room, address)) is not None:
                raise _Refuse("full", full)
            if namesake is not None and namesake.secret:
                raise _Refuse("taken", "that is the name of another end")
            if namesake is None and len(seats) < self._rooms.places(hello.room, hello.role):
                return
            holders = seats if namesake is None else (namesake,)
            lines = [seat.line for seat in holders if seat.line is not None]
            if len(lines) < len(holders):
                return
            alive = await asyncio.gather(*(line.answers(self.settings.probe_s) for line in lines))
            if all(alive):
                raise self._no_place(hello)
            for line in itertools.compress(lines, map(operator.not_, alive)):
                self._rooms.leave(hello.room, hello.role, line=line, orderly=False)
                line.cut()

    def _no_place(self, hello: Hello) -> _Refuse:
        places = self._rooms.places(hello.room, hello.role)
        if places == 1:
            return _Refuse("taken", f"room {hello.room} has a {hello.role} already")
        return _Refuse("full", f"room {hello.room} is full: it takes {places} receivers, and all of them are there")

    def _seat(self, hello: Hello, line: Line, address: str) -> None:
        seat, before = self._rooms.sit(
            hello.room, hello.role, end=hello.end, line=line, secret=hello.secret, address=address
        )
        returns = before is not None and before.is_of(hello.end, hello.secret)
        _log.info("room %s: a %s is %s, from %s", hello.room, hello.role, "back" if returns else "there", address)
        if before is not None and before.line is not None:
            before.line.cut()
        if hello.role == "sender":
            for surplus in self._rooms.takes(hello.room, viewers=hello.viewers):
                surplus.finish(
                    Refused("full", f"the sender of room {hello.room} takes {hello.viewers} of the receivers")
                )
        others = self._rooms.seats(hello.room, _other(hello.role))
        line.post(encode(self._welcome(hello, tuple(other.end for other in others))))
        while seat.kept:
            line.post(seat.kept.popleft())
        if returns:
            return
        if before is not None and self._rooms.places(hello.room, hello.role) > 1:
            _tell(others, encode(self._rooms.departure(hello.room, hello.role, before.end)))
        _tell(others, encode(PeerJoined(hello.role, hello.end)))

    def _welcome(self, hello: Hello, others: tuple[str, ...]) -> Welcome:
        places = self._rooms.places(hello.room, "receiver")
        named = others if hello.role == "sender" and places > 1 else ()
        return Welcome(bool(others), others[0] if others else "", places, named)

    def _relay(self, hello: Hello, data: bytes) -> None:
        """Passes a message on as it came, so that fields of later versions survive. Raises _Refuse."""
        message = _understand(data)
        if not isinstance(message, Offer | Answer | Candidate | Bye):
            raise _Refuse("message", "only offer, answer, candidate and bye are relayed")
        self._rooms.use(hello.room)
        others = self._rooms.seats(hello.room, _other(hello.role))
        if hello.role == "sender" and message.to:
            others = tuple(other for other in others if other.end == message.to)
        if len(others) != 1:
            return  # nobody is there, or nobody knows which of them is meant
        if others[0].line is None:
            others[0].keep(data)
        else:
            others[0].line.post(data)


def _tell(seats: Sequence[Seat[Line]], data: bytes) -> None:
    """Those who are there; who is away learns it from the welcome."""
    for seat in seats:
        if seat.line is not None:
            seat.line.post(data)


def _understand(data: bytes) -> Message:
    try:
        return decode(data)
    except MessageError as error:
        raise _Refuse("message", str(error)) from None


def _other(role: Role) -> Role:
    return "receiver" if role == "sender" else "sender"


@contextlib.asynccontextmanager
async def listening(
    server: SignalingServer, *, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serves as long as the block runs; gives the URL (`port` 0 chooses a free port). Raises BindError."""
    sockets = await listeners(host, port)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1.0)
    tasks: list[asyncio.Task[None]] = []
    try:
        await runner.setup()
        assert runner.server is not None
        door = server.open_door(runner.server, tls=tls)
        tasks = [asyncio.create_task(door.accept_forever(one)) for one in sockets]
        tasks.append(asyncio.create_task(_sweep_forever(server)))
        shown = f"[{host}]" if ":" in host else host
        yield f"{'ws' if tls is None else 'wss'}://{shown}:{sockets[0].getsockname()[1]}"
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for one in sockets:
            one.close()
        await server.say_goodbye()
        if server.door is not None:
            await server.door.close()
        await runner.cleanup()


async def _sweep_forever(server: SignalingServer) -> None:
    while True:
        await asyncio.sleep(server.settings.sweep_s)
        server.sweep()
