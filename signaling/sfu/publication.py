"""Stage 6, SFU publication: the sender's side: its stream to Janus once, and viewers' wishes back.

Two connections: one of the VideoRoom, whose data channel is forwarded to all, and one of the TextRoom, over which
announcements come.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from aiortc import RTCConfiguration, RTCPeerConnection

from signaling.errors import MessageError, PeerGone, SignalingError
from signaling.sfu.errors import RoomExists
from signaling.sfu.line import LineReports
from signaling.sfu.link import Link, linked
from signaling.sfu.mux import Kind, Multiplexer
from signaling.sfu.rooms import TEXTROOM, VIDEOROOM, Key, TextRoom, VideoRoom, key_of
from signaling.sfu.session import JanusSession
from signaling.sfu.upstream import Wish
from signaling.transport.channels import Channels
from signaling.transport.connection import answer, apply_description
from signaling.transport.insides.internals import bytes_on_their_way
from signaling.transport.insides.settle import settle
from signaling.transport.insides.sockets import extra_bytes
from signaling.transport.peer import PeerChannel
from signaling.transport.tap import tapped

__all__ = ["Publication", "Wishes", "published"]

_STREAM, _TEXTS = "facewire/sfu", "JanusDataChannel"
_JOIN_S, _CLOSE_S = 10.0, 1.0
_LONGEST = 8192  # characters of what the TextRoom says; an announcement is a few hundred


@dataclass(frozen=True, slots=True)
class Publication:
    """A stream that Janus forwards."""

    key: Key
    pc: RTCPeerConnection
    multiplexer: Multiplexer
    channels: Channels
    wishes: "Wishes"
    links: tuple[Link, Link]
    knows_line: bool  # whether arrival reports come on the motion channel

    async def ended(self) -> str:
        """Waits until either connection is over, and says why."""
        waits = [asyncio.ensure_future(link.ended()) for link in self.links]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for wait in waits:
                wait.cancel()


class Wishes:
    """What the TextRoom says, of which announcements are wishes. `counts` has what is none."""

    def __init__(self) -> None:
        self.malformed = 0
        self._heard: Callable[[Wish], None] = lambda wish: None
        self._joined = asyncio.Event()

    def watch(self, callback: Callable[[Wish], None]) -> None:
        """`callback` gets each wish from now on."""
        self._heard = callback

    async def joined(self) -> None:
        """Waits until the TextRoom has let us in. Raises PeerGone where it does not."""
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._joined.wait()
        except TimeoutError:
            raise PeerGone("Janus's TextRoom lets nobody in") from None

    def hear(self, text: str) -> None:
        """One text of the data channel."""
        try:
            said = json.loads(text) if len(text) <= _LONGEST else None
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            self.malformed += 1
        elif said.get("textroom") == "success":
            self._joined.set()
        elif said.get("textroom") == "announcement":
            self._take(said.get("text"))

    def _take(self, text: object) -> None:
        try:
            wish = Wish.parse(text if isinstance(text, str) else "")
        except MessageError:
            self.malformed += 1
            return
        self._heard(wish)


@contextlib.asynccontextmanager
async def published(
    session: JanusSession, room: str, *, ice: RTCConfiguration, token: str = ""
) -> AsyncIterator[Publication]:
    """A stream in `room`, which is made if it is not there, for the length of the block.

    Raises PluginMissing, TokenError, RoomFull where somebody else sends there, PeerGone where there is no way to Janus,
    and what the session raises.
    """
    video_handle = await session.attach(VIDEOROOM)
    text_handle = await session.attach(TEXTROOM)
    key = await key_of(video_handle, room)
    video, text = VideoRoom(video_handle, key, token=token), TextRoom(text_handle, key, token=token)
    async with (
        linked(RTCPeerConnection(ice), video_handle, servers=ice.iceServers or (), sends=True) as stream,
        linked(RTCPeerConnection(ice), text_handle, servers=ice.iceServers or ()) as texts,
        _there(video),
        _there(text),
    ):
        multiplexer = await _publish(stream, video)
        wishes = await _listen(texts, text)
        flying, extra = partial(bytes_on_their_way, stream.pc), partial(extra_bytes, stream.pc)
        channels = multiplexer.channels(control=multiplexer.channel(Kind.CONTROL), flying=flying, extra=extra)
        knows_line = LineReports(multiplexer).watch(stream.pc)
        yield Publication(key, stream.pc, multiplexer, tapped(channels), wishes, (stream, texts), knows_line)


@contextlib.asynccontextmanager
async def _there(room: VideoRoom | TextRoom) -> AsyncIterator[None]:
    """The room for the length of the block: one that was there stays."""
    is_ours = True
    try:
        await room.create()
    except RoomExists:
        is_ours = False
    try:
        yield
    finally:
        if is_ours:
            with contextlib.suppress(SignalingError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):  # a Janus that does not answer is not waited for
                    await room.destroy()


async def _publish(link: Link, room: VideoRoom) -> Multiplexer:
    multiplexer = Multiplexer(PeerChannel(link.pc.createDataChannel(_STREAM)))
    settle(link.pc)
    await room.enter()
    await link.pc.setLocalDescription()
    await apply_description(link.pc, await room.publish(link.pc.localDescription.sdp), "answer")
    await link.gathered()
    await link.connected()
    return multiplexer


async def _listen(link: Link, room: TextRoom) -> Wishes:
    wishes = Wishes()
    await apply_description(link.pc, await room.setup(), "offer")
    channel = link.pc.createDataChannel(_TEXTS)
    settle(link.pc)
    channel.on("message", lambda data: wishes.hear(data if isinstance(data, str) else ""))
    channel.on("open", lambda: channel.send(room.joining()))
    await room.ack(await answer(link.pc))
    await link.gathered()
    await link.connected()
    await wishes.joined()
    return wishes
