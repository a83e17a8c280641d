"""Signaling, client: one end's line to the rendezvous server, mended when it breaks.

    async with await SignalingClient.connect("ws://host:8765", room="blue", role="sender") as client:
        async for message in client: ...

There is no task behind it: the line is read, its pings answered and a broken one mended while somebody iterates, so
keep iterating (`signaling.call` does). A line that was mended shows as one more Welcome among the messages.
"""

import asyncio
import contextlib
import random
import secrets
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import cycle
from types import TracebackType
from typing import Self

import aiohttp

from signaling.address import check_address, trust, without_login
from signaling.backoff import Retries
from signaling.errors import MessageError, RoomError, SignalingError, TokenError, Unreachable
from signaling.printable import printable, reason_of
from signaling.protocol.messages import (
    MAX_BYTES,
    Hello,
    Message,
    PeerJoined,
    PeerLeft,
    Refused,
    Role,
    Welcome,
    decode,
    encode,
)
from signaling.websocket import next_frame

__all__ = ["Retry", "SignalingClient"]

_CLOSE_S = 2.0  # what a closing handshake may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a server that does not answer is tried again, in seconds."""

    first_s: float = 0.2  # the first pause, at most; each later one is twice as long
    longest_s: float = 5.0
    steady_s: float = 10.0  # a line that held so long was a good one: after it, pauses are short again
    connect_s: float = 5.0  # how long a first connection is tried for
    mend_s: float = 120.0  # how long a broken one is
    answer_s: float = 10.0  # how long one try may take, or the sending of one message
    reach_s: float = 2.0  # how long the first try to mend a line may take; those after it more, and then this again
    heartbeat_s: float = 20.0  # a ping this often; no answer within half of it breaks the line


class SignalingClient:
    """One end in one room. Made by `connect`; iterate over it for the messages."""

    def __init__(
        self,
        url: str,
        hello: Hello,
        *,
        retry: Retry,
        news: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]],
        now_s: Callable[[], float],
        draw: Callable[[], float],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._news = news
        self._url = url
        self._shown = without_login(url)
        self._tls = tls
        self._retries = Retries(first_s=retry.first_s, longest_s=retry.longest_s, draw=draw)
        self._entered_s: float | None = None  # when the line that there is, or was last, came to be
        self._hello = hello
        self._retry = retry
        self._sleep = sleep
        self._now_s = now_s
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=retry.answer_s))
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._mending = asyncio.Lock()
        self._pending: deque[Message] = deque()
        self._peer = ""

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        room: str,
        role: Role,
        token: str = "",
        ca: str = "",
        viewers: int = 1,
        retry: Retry | None = None,
        news: Callable[[str], None] = lambda text: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_s: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> Self:
        """Enters `room` as `role` at the server `url` (ws://HOST:PORT or wss://...), trying again for a few seconds.

        `viewers` of a sender, or an equal: how many others it takes; `signaling.hall` has a line for each of them.
        A server at wss:// has to show a certificate for its name that the system trusts, or that the PEM file `ca`
        does. `news` is told in a few words when the line breaks later and cannot be mended at once, and when it is
        mended.

        Raises Unreachable when nobody answers there, TokenError when the token is wrong, RoomError when the role is
        taken or the room cannot be had, MessageError for names and tokens that are too long, OptionsError for `ca`.
        """
        check_address(url)
        tls = trust(url, ca)
        hello = Hello(room, role, secrets.token_hex(8), token, secrets.token_hex(16), viewers)
        encode(hello)
        retry = retry if retry is not None else Retry()
        client = cls(url, hello, retry=retry, news=news, sleep=sleep, now_s=now_s, draw=draw, tls=tls)
        try:
            await client._mend(retry.connect_s)
        except BaseException:
            await client.close()
            raise
        return client

    @property
    def role(self) -> Role:
        """As what this end is in the room."""
        return self._hello.role

    @property
    def end(self) -> str:
        """The name that this end goes by."""
        return self._hello.end

    @property
    def address(self) -> str:
        """The server's address, as it may be shown."""
        return self._shown

    @property
    def viewers(self) -> int:
        """How many others this end, a sender or an equal, has asked for."""
        return self._hello.viewers

    @property
    def peer(self) -> str:
        """The name of the other end, "" while it is not there, as far as the messages given out say."""
        return self._peer

    async def send(self, message: Message, *, mend: bool = True) -> None:
        """Sends one message. A broken line is mended first, unless `mend` is False: then it is Unreachable at once.

        Raises Unreachable, TokenError and RoomError as `connect` does.
        """
        data = encode(message)
        while True:
            if self._socket is None and not mend:
                raise Unreachable(f"the line to {self._shown} is broken")
            socket = await self._line()
            try:
                async with asyncio.timeout(self._retry.answer_s):
                    await socket.send_bytes(data)
            except (ConnectionError, TimeoutError):
                await self._drop(socket)
            else:
                return

    def put_back(self, message: Message) -> None:
        """The next message given out will be `message`: its reader found that it is for somebody else."""
        self._pending.appendleft(message)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """The next message. Raises Unreachable, TokenError, RoomError or, on nonsense from the server, MessageError."""
        while not self._pending:
            socket = await self._line()
            if self._pending:  # the line was mended: its welcome comes first
                break
            frame = await next_frame(socket)
            if frame.type is aiohttp.WSMsgType.BINARY:
                await self._take(decode(frame.data), socket)
            elif frame.type is aiohttp.WSMsgType.TEXT:
                raise MessageError("the server sent text")
            else:
                await self._drop(socket)
        return self._given(self._pending.popleft())

    async def renew(self) -> None:
        """Lets go of the line there is; whoever reads has a new one made, which shows as one more Welcome."""
        if self._socket is not None:
            await self._drop(self._socket)

    async def close(self) -> None:
        """Leaves the room for good."""
        if self._socket is not None:
            await _closed(self._socket)
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _given(self, message: Message) -> Message:
        if isinstance(message, Welcome | PeerJoined):
            self._peer = message.peer
        elif isinstance(message, PeerLeft):
            self._peer = ""
        return message

    async def _take(self, message: Message, socket: aiohttp.ClientWebSocketResponse) -> None:
        if not isinstance(message, Refused):
            self._pending.append(message)
        elif message.reason == "closing":
            await self._drop(socket)
        else:
            raise _refusal(message)

    async def _drop(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await _closed(socket)
        if self._socket is socket:
            self._socket = None

    async def _line(self) -> aiohttp.ClientWebSocketResponse:
        """The line to the server, mended if it is broken. Raises Unreachable, TokenError or RoomError."""
        async with self._mending:
            return self._socket if self._socket is not None else await self._mend(self._retry.mend_s, news=self._news)

    async def _mend(
        self, patience_s: float, *, news: Callable[[str], None] = lambda text: None
    ) -> aiohttp.ClientWebSocketResponse:
        """Enters the room over a new line, with growing pauses between the tries, for `patience_s`."""
        give_up_s = self._now_s() + patience_s
        failed = False
        pause_s, tries_s = self._pause_after_a_line(), cycle(self._tries_s())
        while True:
            if pause_s:
                await self._sleep(pause_s)
            try:
                async with asyncio.timeout(next(tries_s)):
                    self._socket = await self._enter()
                self._entered_s = self._now_s()
                if failed:
                    news(f"the signaling server at {self._shown} is back")
                return self._socket
            except aiohttp.ClientConnectorCertificateError as error:  # trying again does not make it a better one
                raise Unreachable(f"the certificate of {self._shown} is not trusted: {_distrust(error)}") from None
            except aiohttp.InvalidURL:
                raise Unreachable(f"not the address of a signaling server: {self._shown}") from None
            except (aiohttp.ClientError, OSError, TimeoutError, _Closed) as error:
                pause_s = self._retries.pause_s()
                if self._now_s() + pause_s > give_up_s:
                    raise Unreachable(f"no signaling server answers at {self._shown}: {_short(error)}") from None
                if not failed:
                    news(f"the signaling server at {self._shown} is gone; trying again for {patience_s:g} s")
                failed = True

    def _tries_s(self) -> tuple[float, ...]:
        """How long tries may take, one after the other.

        While nothing passes, TCP knocks after 1, 3 and 7 s: a new try comes sooner to a network that is back. It must
        not be a short one each time, since entering over a thin line takes longer.
        """
        retry = self._retry
        if self._entered_s is None:
            return (retry.answer_s,)
        return tuple(min(part * retry.reach_s, retry.answer_s) for part in (1, 2, 1, 5))

    def _pause_after_a_line(self) -> float:
        """The pause before the first try: ends that lose a server together do not come back to it together.

        It is longer where lines break soon after they came to be: whoever lets us in and drops us is not pressed.
        """
        if self._entered_s is None:
            return 0.0
        if self._now_s() - self._entered_s >= self._retry.steady_s:
            self._retries.succeeded()
        return self._retries.pause_s()

    async def _enter(self) -> aiohttp.ClientWebSocketResponse:
        """One try: hello, and the server's welcome, which is put among the messages."""
        socket = await self._session.ws_connect(
            self._url,
            ssl=self._tls if self._tls is not None else True,
            max_msg_size=MAX_BYTES,
            heartbeat=self._retry.heartbeat_s,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        )
        entered = False
        try:
            await socket.send_bytes(encode(self._hello))
            frame = await next_frame(socket)
            if frame.type is not aiohttp.WSMsgType.BINARY:
                raise _Closed("the server closed the line")
            answer = decode(frame.data)
            if isinstance(answer, Refused):
                raise _Closed(answer.detail) if answer.reason in ("closing", "busy") else _refusal(answer)
            if not isinstance(answer, Welcome):
                raise _Closed("the server did not say welcome")
            self._pending.append(answer)
            entered = True
            return socket
        finally:
            if not entered:
                await _closed(socket)


class _Closed(Exception):
    """The line was closed before the welcome."""


async def _closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Closes a line, for which a server that does not read is not waited for."""
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await socket.close()


def _refusal(refused: Refused) -> SignalingError:
    detail = refused.detail or f"refused: {refused.reason}"
    return TokenError(detail) if refused.reason == "token" else RoomError(detail, reason=refused.reason)


def _short(error: Exception) -> str:
    """One line of an error; the operating system's word for it where there is one."""
    if isinstance(error, aiohttp.WSServerHandshakeError):  # its own text holds the URL, login and all
        return f"{error.status} {printable(error.message)}"
    return reason_of(getattr(error, "os_error", error))


def _distrust(error: aiohttp.ClientConnectorCertificateError) -> str:
    cause = error.certificate_error
    return printable(getattr(cause, "verify_message", "") or str(cause))
