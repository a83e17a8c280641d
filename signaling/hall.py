"""Signaling, hall: one end in a room of several; one line to the server, and for each other end a line of its own.

    client = await SignalingClient.connect(url, room="blue", role="equal", viewers=3)      # or a sender with viewers
    hall = Hall(client)
    await hall.run(serve)               # `serve(guest)` runs for each other end: connect_peer(pc, guest) and so on

What the server says is read here and handed to whom it is about: who comes and goes by name, what an equal says by its
name (`by`), what a receiver answers by the name of the attempt (`call`), which nobody else knows. A server that knows
nothing of several lets one in.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from signaling.client import SignalingClient
from signaling.errors import PeerGone, SignalingError
from signaling.protocol.messages import Answer, Bye, Candidate, Message, Offer, PeerJoined, PeerLeft, Role, Welcome

__all__ = ["Guest", "Hall"]

_log = logging.getLogger(__name__)

_KEPT_MESSAGES = 64  # an answer and its candidates
_KEPT_CALLS = 4  # attempts whose answers may still come
_RENEWED_S = 2.0  # calls that fall silent together have the line made anew once


class Guest:
    """The way to one other end: a `SignalingLine`. What waits for its reader is bounded, and the oldest goes.

    `role` is what this end is to it: a sender offers. `by` is the name of this end, where it has to be said. `is_alone`
    says that this end is one of equals and that one is not: it calls one other end and no more.
    """

    def __init__(
        self,
        name: str,
        *,
        role: Role,
        is_alone: bool = False,
        by: str = "",
        send: Callable[..., Awaitable[None]],
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        self.name = name
        self.peer = name
        self.role: Role = role
        self.is_alone = is_alone
        self._by = by
        self._renew = renew
        self._send = send
        self._heard: deque[Message] = deque(maxlen=_KEPT_MESSAGES)
        self._came = asyncio.Event()
        self._failure: SignalingError | None = None
        self._calls: deque[str] = deque(maxlen=_KEPT_CALLS)

    def is_called(self, call: str) -> bool:
        """Whether that is one of the attempts to reach this end."""
        return call != "" and call in self._calls

    async def send(self, message: Message, *, mend: bool = True) -> None:
        """Sends to this end alone. Raises as the client does."""
        if isinstance(message, Offer) and message.call not in self._calls:
            self._calls.append(message.call)
        if isinstance(message, Offer | Answer | Candidate | Bye):
            message = replace(message, to=self.name, by=self._by)
        await self._send(message, mend=mend)

    async def renew(self) -> None:
        """Has the line that all share made anew, unless that was done just now."""
        await self._renew()

    def put_back(self, message: Message) -> None:
        """The next message given out will be `message`."""
        self._heard.appendleft(message)
        self._came.set()

    def hear(self, message: Message) -> None:
        """Something that is about this end."""
        self._heard.append(message)
        self._came.set()

    def fail(self, error: SignalingError) -> None:
        """There is no line any more."""
        self._failure = error
        self._came.set()

    async def __anext__(self) -> Message:
        """The next message. Raises what has ended the line to the server; PeerGone after the word that the end left."""
        while not self._heard:
            if self._failure is not None:
                raise self._failure
            if not self.peer:  # who comes again is another guest
                raise PeerGone("the other end left")
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
        """Has each other end served in a task of its own, from when it comes; `serve` returns once its `peer` is "".

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
            _log.info("end %s is left until the server names it again: %s", guest.name, error)
        finally:
            if self._guests.get(guest.name) is guest:
                del self._guests[guest.name]

    def _heed(self, message: Message) -> list[Guest]:
        """Hands on one message; the receivers that are new by it."""
        match message:
            case Welcome():
                return self._welcomed(message)
            case PeerJoined(role=role, peer=name):
                self._leave(name)
                return [self._enter(name, role)]
            case PeerLeft(peer=name):
                for left in [name] if name else list(self._guests):
                    self._leave(left)
            case Offer() | Answer() | Candidate() | Bye():
                if (guest := self._whose(message)) is not None:
                    guest.hear(message)
        return []

    def _whose(self, message: Offer | Answer | Candidate | Bye) -> Guest | None:
        """Who has said that: by its name; of ends that do not say it, who was called so, or who calls this end."""
        guests = list(self._guests.values())
        if message.by:
            return self._guests.get(message.by)
        called = next((guest for guest in guests if guest.is_called(message.call)), None)
        return called or (guests[0] if len(guests) == 1 and guests[0].role == "receiver" else None)

    def _welcomed(self, welcome: Welcome) -> list[Guest]:
        if welcome.viewers < self._client.viewers and not self._told:
            self._told = True
            where = f"the signaling server at {self._client.address} lets in"
            where = "another end in the room takes" if self._client.role == "equal" else where
            self._news(f"{where} {welcome.viewers} at a time, no more")
        there = welcome.peers or ((welcome.peer,) if welcome.peer else ())
        for name in set(self._guests) - set(there):
            self._leave(name)
        for guest in self._guests.values():
            guest.hear(Welcome(True, guest.name))
        return [self._enter(name, welcome.peer_role or "equal") for name in there if name not in self._guests]

    def _enter(self, name: str, what: Role) -> Guest:
        client = self._client
        guest = self._guests[name] = Guest(
            name,
            role=self._role_towards(name, what),
            is_alone=client.role == "equal" != what,
            by=client.end if client.role == "equal" else "",
            send=client.send,
            renew=self._renew,
        )
        return guest

    def _role_towards(self, name: str, what: Role) -> Role:
        """What this end is to another, which is a `what`: of two equals, the one with the smaller name offers."""
        if self._client.role != "equal":
            return self._client.role
        if what == "equal":
            return "sender" if self._client.end < name else "receiver"
        return "sender" if what == "receiver" else "receiver"

    def _leave(self, name: str) -> None:
        if (guest := self._guests.pop(name, None)) is not None:
            guest.hear(PeerLeft("sender" if guest.role == "receiver" else "receiver", name))

    async def _renew(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._renewed_s >= _RENEWED_S:
            self._renewed_s = now_s
            await self._client.renew()
