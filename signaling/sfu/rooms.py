"""Stage 6, SFU rooms: what is asked of Janus's VideoRoom, which forwards, and TextRoom, which takes viewers' wishes.

A room of ours is one of each, under the same name. Answers are looked at here: what is not as it should be is a
MessageError.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signaling.errors import MessageError
from signaling.sfu.address import numbered
from signaling.sfu.errors import SfuRefused
from signaling.sfu.session import Handle

__all__ = ["DISPLAY", "TEXTROOM", "VIDEOROOM", "Feed", "Key", "TextRoom", "VideoRoom", "key_of"]

VIDEOROOM, TEXTROOM = "janus.plugin.videoroom", "janus.plugin.textroom"
DISPLAY = "facewire"  # what senders are called in the room: by it, viewers know them
_INVALID_ELEMENT = 430
_MOST_FEEDS = 64

Key = int | str  # of a room: numbers, where Janus is not told to have texts (string_ids)


@dataclass(frozen=True, slots=True)
class Feed:
    """A sender in the room."""

    id: Key
    name: str


async def key_of(handle: Handle, room: str) -> Key:
    """What this Janus knows a room by: its name where that is allowed, else a number. Raises as `Handle.ask` does."""
    try:
        await handle.ask({"request": "exists", "room": room})
    except SfuRefused as refused:
        if refused.code != _INVALID_ELEMENT:
            raise
        return numbered(room)
    return room


class VideoRoom:
    """One room, asked over one handle. Everything raises as `Handle.ask` does. `token` is the room's PIN and secret."""

    def __init__(self, handle: Handle, key: Key, *, token: str = "") -> None:
        self.handle, self.key = handle, key
        self._pin: dict[str, str] = {"pin": token} if token else {}
        self._secret: dict[str, str] = {"secret": token} if token else {}

    async def create(self) -> None:
        """Makes the room, for one sender. Raises RoomExists where it is there."""
        room = {"publishers": 1, "permanent": False, "is_private": True, "notify_joining": False}
        await self._ask("create", {**room, "description": DISPLAY, **self._pin, **self._secret})

    async def destroy(self) -> None:
        """Ends the room: whoever is in it learns of it."""
        await self._ask("destroy", self._secret)

    async def enter(self) -> None:
        """Comes in as somebody who may send."""
        await self._ask("join", {"ptype": "publisher", "display": DISPLAY, **self._pin})

    async def publish(self, offer: str) -> str:
        """Sends from now on, over the connection that is offered; Janus's answer. Raises RoomFull."""
        return _sdp(await self._ask("publish", {}, jsep=("offer", offer)), "answer")

    async def feeds(self) -> list[Feed]:
        """The senders that are there. Raises NoSuchRoom."""
        said = (await self._ask("listparticipants", {}))[0]
        listed = said.get("participants")
        if not isinstance(listed, list):
            raise MessageError("Janus lists no participants")
        found = [_feed(one) for one in listed if isinstance(one, dict) and one.get("publisher") is True]
        return [feed for feed in found if feed is not None and feed.name == DISPLAY][:_MOST_FEEDS]

    async def subscribe(self, feed: Key) -> str:
        """Has a sender forwarded; the offer of Janus. Raises NoSuchFeed where it has just left."""
        body = {"ptype": "subscriber", "streams": [{"feed": feed}], **self._pin}
        return _sdp(await self._ask("join", body), "offer")

    async def start(self, answer: str) -> None:
        """Our answer to that."""
        await self._ask("start", {}, jsep=("answer", answer))

    async def _ask(
        self, request: str, body: Mapping[str, Any], *, jsep: tuple[str, str] | None = None
    ) -> tuple[Mapping[str, Any], tuple[str, str] | None]:
        answer = await self.handle.ask({"request": request, "room": self.key, **body}, jsep=jsep)
        return answer.said or {}, answer.jsep


class TextRoom:
    """The room in which only the sender is, and that viewers have announcements made in. Raises as `Handle.ask`."""

    def __init__(self, handle: Handle, key: Key, *, token: str = "") -> None:
        self.handle, self.key = handle, key
        self._pin: dict[str, str] = {"pin": token} if token else {}
        self._secret: dict[str, str] = {"secret": token} if token else {}

    async def create(self) -> None:
        """Makes the room. Raises RoomExists where it is there."""
        room = {"permanent": False, "is_private": True, "history": 0, "description": DISPLAY}
        await self.handle.ask({"request": "create", "room": self.key, **room, **self._pin, **self._secret})

    def joining(self) -> str:
        """What is said first over the connection of `setup`: that we want to hear what is announced here."""
        words = {"textroom": "join", "room": self.key, "transaction": "join", "username": DISPLAY, **self._pin}
        return json.dumps(words)

    async def destroy(self) -> None:
        """Ends the room."""
        await self.handle.ask({"request": "destroy", "room": self.key, **self._secret})

    async def announce(self, text: str) -> None:
        """Says something to all that are in the room, without being in it: to the sender."""
        await self.handle.ask({"request": "announcement", "room": self.key, "text": text, **self._secret})

    async def setup(self) -> str:
        """Janus's offer of a connection over which what is said in rooms comes."""
        answer = await self.handle.ask({"request": "setup"})
        return _sdp(({}, answer.jsep), "offer")

    async def ack(self, answer: str) -> None:
        """Our answer to that."""
        await self.handle.ask({"request": "ack"}, jsep=("answer", answer))


def _feed(one: Mapping[str, Any]) -> Feed | None:
    key, name = one.get("id"), one.get("display")
    if isinstance(name, str) and isinstance(key, int | str) and not isinstance(key, bool):
        return Feed(key, name)
    return None


def _sdp(answer: tuple[Mapping[str, Any], tuple[str, str] | None], kind: str) -> str:
    jsep = answer[1]
    if jsep is None or jsep[0] != kind:
        raise MessageError(f"Janus sent no {kind}")
    return jsep[1]
