"""Signaling, hall: the sender's end of a room of several; one line to the server, and for each receiver one of its own.

    client = await SignalingClient.connect(url, room="blue", role="sender", viewers=8)
    hall = Hall(client)
    await hall.run(serve)               # `serve(guest)` runs for each receiver: connect_peer(pc, guest) and so on

What the server says is read here and handed to whom it is about: who comes and goes by name, answers by the name of the
attempt (`call`), which nobody but its receiver knows. A server that knows nothing of several receivers lets one in.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from signaling.client import SignalingClient
from signaling.errors import SignalingError
from signaling.protocol.messages import Answer, Bye, Candidate, Message, Offer, PeerJoined, PeerLeft, Role, Welcome

__all__ = ["Guest", "Hall"]

_log = logging.getLogger(__name__)

_KEPT_MESSAGES = 64  # an answer and its candidates
_KEPT_CALLS = 4  # attempts whose answers may still come
_RENEWED_S = 2.0  # calls that fall silent together have the line made anew once


class Guest:
    """The way to one receiver: a `SignalingLine`. What waits for its reader is bounded, and the oldest goes."""

    role: Role = "sender"

    def __init__(
        self, name: str, *, send: Callable[..., Awaitable[None]], renew: Callable[[], Awaitable[None]]
    ) -> None:
        self.name = name
        self.peer = name
        self._renew = renew
        self._send = send
        self._heard: deque[Message] = deque(maxlen=_KEPT_MESSAGES)
        self._came = asyncio.Event()
        self._failure: SignalingError | None = None
        self._calls: deque[str] = deque(maxlen=_KEPT_CALLS)

    def is_called(self, call: str) -> bool:
        """Whether that is one of the attempts to reach this receiver."""
        return call != "" and call in self._calls

    async def send(self, message: Message, *, mend: bool = True) -> None:
        """Sends to this receiver alone. Raises as the client does."""
        if isinstance(message, Offer) and message.call not in self._calls:
            self._calls.append(message.call)
        if isinstance(message, Offer | Answer | Candidate | Bye):
            message = replace(message, to=self.name)
        await self._send(message, mend=mend)

    async def renew(self) -> None:
        """Has the line that all receivers share made anew, unless that was done just now."""
        await self._renew()

    def put_back(self, message: Message) -> None:
        """The next message given out will be `message`."""
        self._heard.appendleft(message)
        self._came.set()

    def hear(self, message: Message) -> None:
        """Something that is about this receiver."""
        self._heard.append(message)
        self._came.set()

    def fail(self, error: SignalingError) -> None:
        """There is no line any more."""
        self._failure = error
        self._came.set()

    async def __anext__(self) -> Message:
        """The next message. Raises what has ended the line to the server."""
        while not self._heard:
            if self._failure is not None:
                raise self._failure
            self._came.clear()
            await self._came.wait()
        message = self._heard.popleft()
        if isinstance(message, Welcome | PeerJoined):
            self.peer = message.peer
        elif isinstance(message, PeerLeft):
            self.peer = ""
        return message


class Hall:
    """Who is in the room, and what each is told."""

    def __init__(self, client: SignalingClient, *, news: Callable[[str], None] = lambda text: None) -> None:
        self._client = client
        self._news = news
        self._guests: dict[str, Guest] = {}
        self._renewed_s = -math.inf
        self._told = False

    async def run(self, serve: Callable[[Guest], Awaitable[None]]) -> None:
        """Has each receiver served in a task of its own, from when it comes; `serve` returns once its `peer` is "".

        Where the line to the server is lost for good, running calls go on. Raises what ended it when the last of them
        is over. A SignalingError of `serve` ends it for that receiver alone, until the server names it again; what else
        it raises ends all.
        """
        lost: SignalingError | None = None
        async with asyncio.TaskGroup() as group:
            try:
                while True:
                    message = await anext(self._client)
                    for guest in self._heed(message):
                        group.create_task(self._serve(guest, serve))
            except SignalingError as error:
                lost = error
                for guest in self._guests.values():
                    guest.fail(error)
        assert lost is not None
        raise lost

    async def _serve(self, guest: Guest, serve: Callable[[Guest], Awaitable[None]]) -> None:
        try:
            await serve(guest)
        except SignalingError as error:
            _log.info("receiver %s is left until the server names it again: %s", guest.name, error)
        finally:
            if self._guests.get(guest.name) is guest:
                del self._guests[guest.name]

    def _heed(self, message: Message) -> list[Guest]:
        """Hands on one message; the receivers that are new by it."""
        match message:
            case Welcome():
                return self._welcomed(message)
            case PeerJoined(peer=name):
                if name in self._guests:
                    self._guests.pop(name).hear(PeerLeft("receiver", name))
                return [self._enter(name)]
            case PeerLeft(peer=name):
                for left in [name] if name else list(self._guests):
                    self._leave(left)
            case Answer(call=call) | Candidate(call=call) | Bye(call=call):
                for guest in self._guests.values():
                    if guest.is_called(call):
                        guest.hear(message)
        return []

    def _welcomed(self, welcome: Welcome) -> list[Guest]:
        if welcome.viewers < self._client.viewers and not self._told:
            self._told = True
            self._news(f"the signaling server at {self._client.address} lets in {welcome.viewers} at a time, no more")
        there = welcome.peers or ((welcome.peer,) if welcome.peer else ())
        for name in set(self._guests) - set(there):
            self._leave(name)
        for guest in self._guests.values():
            guest.hear(Welcome(True, guest.name))
        return [self._enter(name) for name in there if name not in self._guests]

    def _enter(self, name: str) -> Guest:
        guest = self._guests[name] = Guest(name, send=self._client.send, renew=self._renew)
        return guest

    def _leave(self, name: str) -> None:
        if (guest := self._guests.pop(name, None)) is not None:
            guest.hear(PeerLeft("receiver", name))

    async def _renew(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._renewed_s >= _RENEWED_S:
            self._renewed_s = now_s
            await self._client.renew()
