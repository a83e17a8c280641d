"""Signaling, server: rooms over WebSocket, where a sender and its receivers, or a few equals, find each other.

One sender and one receiver to a room, or as many receivers as the sender says; or equals, each of whom calls each of
the others. Who sits where and whose words go to whom is `seating`. The server never sees pictures, and nothing of a
call passes through it once the ends have met.

A seat that is taken stays taken while its holder answers a WebSocket ping; a holder that does not answer within
`probe_s` is dead and is replaced. `GET /health` answers `{"status": "ok", "rooms": N, "ends": N}`.

Each end has a coroutine that reads it and a task that writes to it (`line`); what one end does or leaves undone is
waited for in its own coroutine alone.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from signaling.protocol.messages import MAX_BYTES, Hello, Refused
from signaling.server.admission import Admission
from signaling.server.door import Connection, Door, listeners
from signaling.server.line import Line, NotBinary
from signaling.server.quotas import Meter
from signaling.server.seating import NotAllowed, Seating, understand
from signaling.server.settings import ServerSettings

__all__ = ["SignalingServer", "listening"]

_log = logging.getLogger(__name__)


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
        self._seating = Seating(self.settings.limits, now_s=now_s, probe_s=self.settings.probe_s)
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
        return self._seating.lines

    def sweep(self) -> None:
        """Does what time asks for: empties the seats of ends that stayed away, closes idle rooms and silent lines."""
        self._seating.sweep()
        if self.door is not None:
            self.door.sweep()

    async def say_goodbye(self) -> None:
        """Sends all ends away; those that do not take it within `close_s` are cut."""
        self._is_closing = True
        await self._seating.say_goodbye(within_s=self.settings.close_s)

    async def _health(self, request: web.Request) -> web.Response:
        answer = web.json_response({"status": "ok", "rooms": len(self._seating.rooms), "ends": len(self.lines)})
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
        except NotAllowed as refuse:
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
        """One end, from its hello to its end. Raises NotAllowed and NotBinary."""
        data = await line.receive()  # the door shows out whoever does not come to it
        if data is None:
            return
        hello = understand(data)
        if not isinstance(hello, Hello):
            raise NotAllowed("message", "the first message has to be a hello")
        self._check_token(hello, connection.address)
        if not (hello.room and hello.end and hello.room.isprintable()):
            raise NotAllowed("name", "a room needs a name of printable characters, and an end needs one too")
        await self._seating.make_room(hello, connection.address)
        connection.is_settled = True
        self._seating.seat(hello, line, connection.address)
        await self._stay(hello, line)

    def _check_token(self, hello: Hello, address: str) -> None:
        """Raises NotAllowed for a wrong token, and for any after many wrong ones, but for ends that return."""
        refusal = self._admission.refusal(hello, address, returns=self._seating.returns(hello))
        if refusal is not None:
            raise NotAllowed(*refusal)

    async def _stay(self, hello: Hello, line: Line) -> None:
        """Relays what a seated end says, and clears up after it. Raises NotAllowed and NotBinary."""
        try:
            while (data := await line.receive()) is not None:
                self._seating.relay(hello, data)
        except (NotAllowed, NotBinary):
            line.orderly = True  # it is sent away: no seat is kept for it
            raise
        finally:
            self._seating.leave(hello, line, is_closing=self._is_closing)


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
