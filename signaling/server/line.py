"""Signaling, line: the WebSocket to one end, which is written by a task of its own so that nobody ever waits for it.

`post` queues and returns. An end that does not read what is sent to it fills its queue, and is cut.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from signaling.protocol.messages import MAX_BYTES, Refused, encode

__all__ = ["Line", "NotBinary"]

# What waits for one end: more than a whole negotiation, which is an offer or answer and its candidates.
_LONGEST_QUEUE = 128
_MOST_QUEUED_BYTES = 16 * MAX_BYTES


class NotBinary(Exception):
    """The end sent a text frame."""


class Line:
    """One end's WebSocket. `toll` is waited for after each frame: it counts its bytes and slows down who sends much."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, *, toll: Callable[[int], Awaitable[None]]
    ) -> None:
        self.orderly = False  # the end said goodbye by closing
        self._request = request
        self._socket = socket
        self._toll = toll
        self._heard = asyncio.Event()
        self._queue: deque[tuple[WSMsgType, bytes]] = deque()
        self._queued_bytes = 0
        self._close_code: int | None = None  # once nothing more is to be sent
        self._wake = asyncio.Event()
        self._writing = asyncio.create_task(self._write())

    @property
    def queued_bytes(self) -> int:
        """What waits to be sent."""
        return self._queued_bytes

    async def receive(self) -> bytes | None:
        """The next message; None when the line is closed. Raises NotBinary."""
        while True:
            frame = await self._socket.receive()
            self._heard.set()
            if frame.type in (WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG):
                await self._toll(len(frame.data))
            if frame.type is WSMsgType.BINARY:
                return bytes(frame.data)
            if frame.type is WSMsgType.PING:
                self._put(WSMsgType.PONG, bytes(frame.data))
            elif frame.type is WSMsgType.TEXT:
                raise NotBinary
            elif frame.type is not WSMsgType.PONG:
                self.orderly = frame.type is WSMsgType.CLOSE and frame.data == WSCloseCode.OK
                return None

    def post(self, data: bytes) -> None:
        """Sends one message, soon. One that can no longer be sent is dropped: `receive` learns why."""
        self._put(WSMsgType.BINARY, data)

    def finish(self, message: Refused | None = None, *, code: int = WSCloseCode.POLICY_VIOLATION) -> None:
        """Closes the line behind what waits and behind `message`, which says why the end has to go."""
        if message is not None:
            self.post(encode(message))
        if self._close_code is None:
            self._close_code = code
            self._wake.set()

    async def gone(self, within_s: float) -> None:
        """Returns when the line is closed, which `finish` has asked for; cuts it after `within_s`."""
        _, late = await asyncio.wait([self._writing], timeout=within_s)
        if late:
            self.cut()
            self._writing.cancel()
            await asyncio.wait([self._writing])

    async def answers(self, within_s: float) -> bool:
        """Whether anything is heard from the end after a ping."""
        self._heard.clear()
        self._put(WSMsgType.PING, b"")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._heard.wait()
        return self._heard.is_set() and not self._socket.closed

    def cut(self) -> None:
        """Ends the line without a word: nobody listens any more."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def cut_if_closed(self) -> None:
        """Ends a line that was closed, but whose closing handshake the end does not take."""
        if self._socket.closed:
            self.cut()

    def _put(self, kind: WSMsgType, data: bytes) -> None:
        if self._close_code is not None or self._socket.closed:
            return
        self._queue.append((kind, data))
        self._queued_bytes += len(data)
        self._wake.set()
        if len(self._queue) > _LONGEST_QUEUE or self._queued_bytes > _MOST_QUEUED_BYTES:
            self.cut()

    async def _write(self) -> None:
        """Sends what is queued, in order, then closes; ends at once when the line breaks."""
        with contextlib.suppress(ConnectionError):
            while self._queue or self._close_code is None:
                self._wake.clear()
                while self._queue:
                    kind, data = self._queue[0]  # it counts until it is sent
                    await self._send(kind, data)
                    self._queue.popleft()
                    self._queued_bytes -= len(data)
                if self._close_code is None:
                    await self._wake.wait()
            await self._socket.close(code=self._close_code)

    async def _send(self, kind: WSMsgType, data: bytes) -> None:
        if kind is WSMsgType.BINARY:
            await self._socket.send_bytes(data)
        elif kind is WSMsgType.PING:
            await self._socket.ping(data)
        else:
            await self._socket.pong(data)
