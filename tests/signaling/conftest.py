"""Tests of signaling: a server on a free port with a clock of its own, and ends that speak the bare protocol."""

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signaling.protocol.messages import Hello, Message, Refused, Role, decode, encode
from signaling.server import ServerSettings, SignalingServer, listening
from signaling.server.rooms import RoomLimits


@dataclass
class Hand:
    """A clock that is moved by hand, and by whoever sleeps by it."""

    now: float = 100.0
    slept_s: float = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Hand:
    """At 0, for what needs no server."""
    return Hand(now=0.0)


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

    async def __call__(
        self,
        *,
        token: str | None = None,
        port: int = 0,
        limits: RoomLimits | None = None,
        tls: ssl.SSLContext | None = None,
        **settings: Any,
    ) -> RunningServer:
        clock = Hand()
        settings = {"probe_s": 60.0, "sweep_s": 3600.0, "heartbeat_s": 3600.0, **settings}
        server = SignalingServer(
            token=token,
            settings=ServerSettings(limits=limits or RoomLimits(rooms=2), **settings),
            now_s=clock,
            sleep=clock.sleep,
        )
        url = await self.stack.enter_async_context(listening(server, host="127.0.0.1", port=port, tls=tls))
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
            url: str,
            room: str = "",
            role: Role = "sender",
            end: str = "",
            *,
            token: str = "",
            secret: str | None = None,
            pongs: bool = True,
            **more: Any,
        ) -> RawEnd:
            raw = RawEnd(
                await session.ws_connect(url, autoping=pongs, timeout=aiohttp.ClientWSTimeout(ws_close=1.0), **more)
            )
            if end:
                await raw.say(Hello(room, role, end, token, f"of {end}" if secret is None else secret))
            return raw

        yield enter


@dataclass
class Certificate:
    """Files in PEM form: an authority of the test's own, a server's certificate for 127.0.0.1 by it, and its key."""

    authority: Path
    chain: Path
    key: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    files = Certificate(folder / "authority.pem", folder / "chain.pem", folder / "key.pem")
    authority = _certified("test authority", root.public_key(), by="test authority", root=root, is_authority=True)
    server = _certified("test server", own.public_key(), by="test authority", root=root, is_authority=False)
    files.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    files.chain.write_bytes(server.public_bytes(Encoding.PEM))
    files.key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def _certified(
    name: str, key: ec.EllipticCurvePublicKey, *, by: str, root: ec.EllipticCurvePrivateKey, is_authority: bool
) -> x509.Certificate:
    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(by))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        .sign(root, hashes.SHA256())
    )


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
