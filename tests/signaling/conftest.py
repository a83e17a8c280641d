"""Tests of signaling: a server on a free port with a clock of its own, and ends that speak the bare protocol."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest

from signaling.messages import Hello, Message, Refused, Role, decode, encode
from signaling.rooms import RoomLimits
from signaling.server import ServerSettings, SignalingServer, listening


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class RunningServer:
    """A server that listens, with the clock that its rooms go by."""

    server: SignalingServer
    url: str
    clock: Hand


@dataclass
class RawEnd:
    """One end that says what it is told to say, and nothing by itself but pongs if it may."""

    socket: aiohttp.ClientWebSocketResponse

    async def say(self, message: Message) -> None:
        await self.socket.send_bytes(encode(message))

    async def hear(self) -> Message:
        return decode(await self.socket.receive_bytes())

    async def closed(self) -> bool:
        """Waits for the server to close the line."""
        frame = await self.socket.receive()
        return frame.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)

    async def refusal(self) -> Refused:
        """The server's last word; the line is closed behind it."""
        refused = await self.hear()
        assert isinstance(refused, Refused)
        assert await self.closed()
        return refused

    def break_off(self) -> None:
        """The line ends as when the process is killed: no close frame."""
        self.socket.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


RawEnds = Callable[..., Awaitable[RawEnd]]


@dataclass
class Servers:
    """Makes servers; all of them stop when the test ends."""

    stack: contextlib.AsyncExitStack
    made: list[RunningServer] = field(default_factory=list)

    async def __call__(self, *, token: str | None = None, port: int = 0, probe_s: float = 60.0) -> RunningServer:
        clock = Hand()
        settings = ServerSettings(limits=RoomLimits(rooms=2), probe_s=probe_s, sweep_s=3600.0)
        server = SignalingServer(token=token, settings=settings, now_s=clock)
        url = await self.stack.enter_async_context(listening(server, host="127.0.0.1", port=port))
        self.made.append(RunningServer(server, url, clock))
        return self.made[-1]


@pytest.fixture
async def start_server() -> AsyncIterator[Servers]:
    async with contextlib.AsyncExitStack() as stack:
        yield Servers(stack)


@pytest.fixture
async def running(start_server: Servers) -> RunningServer:
    return await start_server()


@pytest.fixture
async def raw_end() -> AsyncIterator[RawEnds]:
    """Opens lines: `await raw_end(url)` bare, `await raw_end(url, "room", "sender", "name")` after its hello."""
    async with aiohttp.ClientSession() as session:

        async def enter(
            url: str, room: str = "", role: Role = "sender", end: str = "", *, token: str = "", pongs: bool = True
        ) -> RawEnd:
            raw = RawEnd(await session.ws_connect(url, autoping=pongs, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)))
            if end:
                await raw.say(Hello(room, role, end, token))
            return raw

        yield enter


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
