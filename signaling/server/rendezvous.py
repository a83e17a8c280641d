"""Signaling, server: rooms over WebSocket, where a sender and a receiver find each other.

One sender and one receiver to a room. The server checks every message and relays offers, answers, candidates and byes
to the other end as they are; it never sees pictures, and nothing of a call passes through it once the ends have met.

A seat that is taken stays taken while its holder answers a WebSocket ping; a holder that does not answer within
`probe_s` is dead and is replaced. `GET /health` answers `{"status": "ok", "rooms": N, "ends": N}`.
"""

import asyncio
import contextlib
import hmac
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from signaling.errors import BindError, MessageError
from signaling.messages import (
    MAX_BYTES,
    Answer,
    Bye,
    Candidate,
    Hello,
    Message,
    Offer,
    PeerJoined,
    PeerLeft,
    Refusal,
    Refused,
    Role,
    Welcome,
    decode,
    encode,
)
from signaling.rooms import IDLE_TIMEOUT_S, RoomLimits, Rooms

__all__ = ["ServerSettings", "SignalingServer", "listening", "run_server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How patient the server is, in seconds."""

    limits: RoomLimits = field(default_factory=RoomLimits)
    heartbeat_s: float = 20.0  # a ping this often; no answer within half of it ends the line
    hello_s: float = 10.0  # a new line says hello within this
    probe_s: float = 2.0  # the holder of a seat that another end wants answers a ping within this
    sweep_s: float = 1.0  # how often rooms are looked through


class _Refuse(Exception):
    """This end may not be here (any longer)."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.message = Refused(reason, detail[:256])


class _Line:
    """The WebSocket to one end."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket
        self._heard = asyncio.Event()
        self.orderly = False  # the end said goodbye by closing

    async def receive(self) -> bytes | None:
        """The next message; None when the line is closed. Raises _Refuse for a text frame."""
        while True:
            frame = await self._socket.receive()
            self._heard.set()
            if frame.type is WSMsgType.BINARY:
                return bytes(frame.data)
            if frame.type is WSMsgType.PING:
                with contextlib.suppress(ConnectionError):
                    await self._socket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                raise _Refuse("message", "messages are binary")
            elif frame.type is not WSMsgType.PONG:
                self.orderly = frame.type is WSMsgType.CLOSE and frame.data == WSCloseCode.OK
                return None

    async def send(self, data: bytes) -> None:
        """Sends one message; one that can no longer be sent is dropped, `receive` learns why."""
        if not self._socket.closed:
            with contextlib.suppress(ConnectionError):
                await self._socket.send_bytes(data)

    async def refuse(self, message: Refused, *, code: int = WSCloseCode.POLICY_VIOLATION) -> None:
        """Tells the end why it has to go, and closes."""
        await self.send(encode(message))
        await self._socket.close(code=code)

    async def answers(self, within_s: float) -> bool:
        """Whether anything is heard from the end after a ping."""
        self._heard.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._socket.ping()
                await self._heard.wait()
        except (TimeoutError, ConnectionError):
            return False
        return not self._socket.closed

    def cut(self) -> None:
        """Ends the line without a word: nobody listens any more."""
        if self._request.transport is not None:
            self._request.transport.abort()


class SignalingServer:
    """The rooms of one server and the lines into them; `listening` puts it on a port."""

    def __init__(
        self,
        *,
        token: str | None = None,
        settings: ServerSettings | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token
        self.settings = settings if settings is not None else ServerSettings()
        self._rooms: Rooms[_Line] = Rooms(self.settings.limits, now_s=now_s)
        self._is_closing = False

    def application(self) -> web.Application:
        """The aiohttp application: WebSocket at /, health at /health."""
        application = web.Application()
        application.router.add_get("/", self._meet)
        application.router.add_get("/health", self._health)
        application.on_shutdown.append(self._say_goodbye)
        return application

    async def sweep(self) -> None:
        """Does what time asks for: empties the seats of ends that stayed away, closes idle rooms."""
        swept = self._rooms.sweep()
        for line, role in swept.bereaved:
            await line.send(encode(PeerLeft(role)))
        for line in swept.expired:
            await line.refuse(Refused("expired", "nobody came into the room"))

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "rooms": len(self._rooms), "ends": len(self._rooms.lines)})

    async def _say_goodbye(self, application: web.Application) -> None:
        self._is_closing = True
        goodbye = Refused("closing", "the server shuts down")
        await asyncio.gather(*(line.refuse(goodbye, code=WSCloseCode.GOING_AWAY) for line in self._rooms.lines))

    async def _meet(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            heartbeat=self.settings.heartbeat_s, max_msg_size=MAX_BYTES, autoping=False, compress=False, timeout=1.0
        )
        await socket.prepare(request)
        line = _Line(request, socket)
        try:
            hello = await self._hello(line)
            if hello is not None:
                await self._stay(hello, line)
        except _Refuse as refuse:
            await line.refuse(refuse.message)
        return socket

    async def _hello(self, line: _Line) -> Hello | None:
        """The first message; None when the line closed before. Raises _Refuse unless it is a hello that may stay."""
        try:
            async with asyncio.timeout(self.settings.hello_s):
                data = await line.receive()
        except TimeoutError:
            raise _Refuse("message", "no hello") from None
        if data is None:
            return None
        hello = _understand(data)
        if not isinstance(hello, Hello):
            raise _Refuse("message", "the first message has to be a hello")
        if self._token is not None and not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            raise _Refuse("token", "wrong token")
        if not (hello.room and hello.end and hello.room.isprintable()):
            raise _Refuse("name", "a room needs a name of printable characters, and an end needs one too")
        return hello

    async def _stay(self, hello: Hello, line: _Line) -> None:
        """Seats the end, relays what it says, and clears up after it. Raises _Refuse."""
        await self._make_room(hello)
        await self._seat(hello, line)
        try:
            while (data := await line.receive()) is not None:
                await self._relay(hello, data)
        except _Refuse:
            line.orderly = True  # it is sent away: no seat is kept for it
            raise
        finally:
            other = self._rooms.seat(hello.room, _other(hello.role))
            left = self._rooms.leave(hello.room, hello.role, line=line, orderly=line.orderly)
            # Ends that lose the server only lose the server: nobody is told that the other one left.
            if left and not self._is_closing and other is not None and other.line is not None:
                await other.line.send(encode(PeerLeft(hello.role)))

    async def _make_room(self, hello: Hello) -> None:
        """Returns when the seat may be taken: it is free, or its holder is away, dead, or this same end."""
        if self._rooms.is_full(hello.room):
            raise _Refuse("full", "the server has no room left")
        while (seat := self._rooms.seat(hello.room, hello.role)) is not None and seat.end != hello.end:
            holder = seat.line
            if holder is None:
                return
            if await holder.answers(self.settings.probe_s):
                raise _Refuse("taken", f"room {hello.room} has a {hello.role} already")
            if seat.line is holder:
                return

    async def _seat(self, hello: Hello, line: _Line) -> None:
        other = self._rooms.seat(hello.room, _other(hello.role))
        earlier = self._rooms.seat(hello.room, hello.role)
        returns = earlier is not None and earlier.end == hello.end
        seat, cut = self._rooms.sit(hello.room, hello.role, end=hello.end, line=line)
        if cut is not None:
            cut.cut()
        await line.send(encode(Welcome(other is not None, other.end if other is not None else "")))
        while seat.kept:
            await line.send(seat.kept.popleft())
        if other is not None and other.line is not None and not returns:
            await other.line.send(encode(PeerJoined(hello.role, hello.end)))

    async def _relay(self, hello: Hello, data: bytes) -> None:
        """Passes a message on as it came, so that fields of later versions survive. Raises _Refuse."""
        if not isinstance(_understand(data), Offer | Answer | Candidate | Bye):
            raise _Refuse("message", "only offer, answer, candidate and bye are relayed")
        self._rooms.use(hello.room)
        other = self._rooms.seat(hello.room, _other(hello.role))
        if other is None:
            return
        if other.line is None:
            other.kept.append(data)
        else:
            await other.line.send(data)


def _understand(data: bytes) -> Message:
    try:
        return decode(data)
    except MessageError as error:
        raise _Refuse("message", str(error)) from None


def _other(role: Role) -> Role:
    return "receiver" if role == "sender" else "sender"


@contextlib.asynccontextmanager
async def listening(server: SignalingServer, *, host: str, port: int) -> AsyncIterator[str]:
    """Serves as long as the block runs; gives the URL (`port` 0 chooses a free port). Raises BindError."""
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    sweeper: asyncio.Task[None] | None = None
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise BindError(f"cannot listen on {_address(host, port)}: {error.strerror or error}") from None
        sweeper = asyncio.create_task(_sweep_forever(server))
        yield f"ws://{_address(host, runner.addresses[0][1])}"
    finally:
        if sweeper is not None:
            sweeper.cancel()
            await asyncio.wait([sweeper])
        await runner.cleanup()


async def _sweep_forever(server: SignalingServer) -> None:
    while True:
        await asyncio.sleep(server.settings.sweep_s)
        await server.sweep()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def run_server(host: str, port: int, *, token: str | None = None, idle_timeout_s: float = IDLE_TIMEOUT_S) -> None:
    """Serves until SIGINT or SIGTERM; prints the one line `listening on ws://HOST:PORT`. Raises BindError."""
    server = SignalingServer(token=token, settings=ServerSettings(limits=RoomLimits(idle_timeout_s=idle_timeout_s)))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with listening(server, host=host, port=port) as url:
        print(f"listening on {url}", flush=True)
        await stop.wait()
