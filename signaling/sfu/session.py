"""Stage 6, SFU session: one WebSocket to Janus, one session on it, and handles of its plugins.

    async with janus_session("ws://host:8188") as session:
        handle = await session.attach("janus.plugin.videoroom")
        answer = await handle.ask({"request": "exists", "room": 1})

A session ends with its WebSocket: Janus then takes its connections apart. So a line that breaks is not mended here:
whoever uses the session begins anew.
"""

import asyncio
import contextlib
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from signaling.address import trust, without_login
from signaling.errors import MessageError, SignalingError, Unreachable
from signaling.printable import reason_of
from signaling.programs.ends import first_error
from signaling.sfu.errors import refusal
from signaling.sfu.janus_message import MAX_BYTES, JanusMessage
from signaling.websocket import next_frame

__all__ = ["Handle", "JanusSession", "janus_session"]

_ANSWER_S, _CONNECT_S = 5.0, 4.0
_KEEPALIVE_S = 25.0  # Janus gives a session up after 60 s without any
_CLOSE_S = 1.0
_KEPT_EVENTS = 64  # of a handle that nobody reads
_PROTOCOL = "janus-protocol"


class Handle:
    """One plugin's end of a session."""

    def __init__(self, session: "JanusSession", number: int) -> None:
        self._session, self.number = session, number
        self._events: deque[JanusMessage] = deque(maxlen=_KEPT_EVENTS)
        self._came = asyncio.Event()

    async def ask(self, body: Mapping[str, Any], *, jsep: tuple[str, str] | None = None) -> JanusMessage:
        """Has the plugin answer a request. Raises what `refusal` makes of an error, Unreachable, or MessageError."""
        message: dict[str, Any] = {"janus": "message", "body": dict(body)}
        if jsep is not None:
            message["jsep"] = {"type": jsep[0], "sdp": jsep[1]}
        return await self._session.ask(message, handle=self.number)

    async def trickle(self, candidate: Mapping[str, Any]) -> None:
        """Tells a candidate of ours, or that there are no more. Raises as `ask` does."""
        message = {"janus": "trickle", "candidate": dict(candidate)}
        await self._session.ask(message, handle=self.number, is_acked=True)

    async def detach(self) -> None:
        """Gives the handle up, and with it the connection that it stands for. Raises as `ask` does."""
        await self._session.ask({"janus": "detach"}, handle=self.number)
        self._session.forget(self)

    async def event(self) -> JanusMessage:
        """The next thing said about this handle without having been asked for. Raises Unreachable at the end."""
        while not self._events:
            self._session.check()
            self._came.clear()
            await self._came.wait()
        return self._events.popleft()

    def hear(self, message: JanusMessage) -> None:
        """Something about this handle."""
        self._events.append(message)
        self._came.set()

    def wake(self) -> None:
        """The session is over: whoever waits learns of it."""
        self._came.set()


class JanusSession:
    """Made by `janus_session`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, shown: str, answer_s: float = _ANSWER_S) -> None:
        self._socket, self.shown, self._answer_s = socket, shown, answer_s
        self._number = 0
        self._waiting: dict[str, asyncio.Future[JanusMessage]] = {}
        self._acked: set[str] = set()  # those that are answered by an acknowledgement alone
        self._handles: dict[int, Handle] = {}
        self._why = ""
        self._over = asyncio.Event()

    async def begin(self) -> None:
        """Makes the session itself. Raises as `ask` does."""
        self._number = (await self.ask({"janus": "create"})).id

    async def attach(self, plugin: str) -> Handle:
        """A handle of this plugin. Raises PluginMissing where this Janus does not run it."""
        answer = await self.ask({"janus": "attach", "plugin": plugin})
        handle = self._handles[answer.id] = Handle(self, answer.id)
        return handle

    def forget(self, handle: Handle) -> None:
        """There is no such handle any more."""
        self._handles.pop(handle.number, None)

    async def ask(self, message: Mapping[str, Any], *, handle: int = 0, is_acked: bool = False) -> JanusMessage:
        """Sends one request and waits for its answer. Raises what `refusal` makes of an error, or Unreachable.

        `is_acked`: the acknowledgement is the answer; a plugin's comes after it.
        """
        self.check()
        transaction = secrets.token_hex(8)
        content = {**message, "transaction": transaction}
        if self._number:
            content["session_id"] = self._number
        if handle:
            content["handle_id"] = handle
        future = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        if is_acked:
            self._acked.add(transaction)
        try:
            async with asyncio.timeout(self._answer_s):
                await self._socket.send_str(json.dumps(content))
                answer: JanusMessage = await future
        except TimeoutError:
            raise Unreachable(f"Janus at {self.shown} does not answer") from None
        except Unreachable:  # which is a ConnectionError too
            raise
        except ConnectionError:
            raise Unreachable(f"the line to Janus at {self.shown} broke") from None
        finally:
            del self._waiting[transaction]
            self._acked.discard(transaction)
        if answer.error is not None:
            raise refusal(*answer.error)
        return answer

    def check(self) -> None:
        """Raises Unreachable once the session is over."""
        if self._over.is_set():
            raise Unreachable(f"the line to Janus at {self.shown} is gone: {self._why}")

    async def ended(self) -> str:
        """Waits until the session is over, and says why."""
        await self._over.wait()
        return self._why

    async def read(self) -> None:
        """Hands on what Janus says, until the line ends."""
        try:
            while True:
                frame = await next_frame(self._socket)
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    self._end("it was closed")
                    return
                self._take(JanusMessage.parse(frame.data))
        except MessageError as error:
            self._end(str(error))

    async def keep_alive(self) -> None:
        """Says now and then that we are here; no answer ends the session."""
        while not self._over.is_set():
            await asyncio.sleep(_KEEPALIVE_S)
            try:
                await self.ask({"janus": "keepalive"}, is_acked=True)
            except SignalingError as error:
                self._end(str(error))

    async def close(self) -> None:
        """Takes the session apart; a Janus that does not answer is not waited for."""
        with contextlib.suppress(SignalingError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self.ask({"janus": "destroy"})

    def _end(self, why: str) -> None:
        if self._over.is_set():
            return
        self._why = why
        self._over.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unreachable(f"the line to Janus at {self.shown} is gone: {why}"))
        for handle in self._handles.values():
            handle.wake()

    def _take(self, message: JanusMessage) -> None:
        future = self._waiting.get(message.transaction)
        if future is not None:
            is_first_word = message.kind == "ack" and message.transaction not in self._acked
            if not is_first_word and not future.done():
                future.set_result(message)
        elif message.kind == "timeout":
            self._end("Janus gave the session up")
        elif message.sender in self._handles:
            self._handles[message.sender].hear(message)


@contextlib.asynccontextmanager
async def janus_session(url: str, *, ca: str = "", answer_s: float = _ANSWER_S) -> AsyncIterator[JanusSession]:
    """A session at ws://HOST:PORT or wss://..., for the length of the block. Raises Unreachable, TokenError."""
    shown, tls = without_login(url), trust(url, ca)
    async with aiohttp.ClientSession() as http:
        try:
            async with asyncio.timeout(_CONNECT_S):
                socket = await http.ws_connect(
                    url, protocols=(_PROTOCOL,), ssl=tls if tls is not None else True, max_msg_size=MAX_BYTES
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"no Janus answers at {shown}: {reason_of(error)}") from None
        session = JanusSession(socket, shown=shown, answer_s=answer_s)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(session.read())]
                await session.begin()
                tasks.append(group.create_task(session.keep_alive()))
                try:
                    yield session
                finally:
                    await session.close()
                    for task in tasks:
                        task.cancel()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            await _closed(socket)


async def _closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await socket.close()
