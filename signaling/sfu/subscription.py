"""Stage 6, SFU subscription: a viewer's side: the stream as Janus forwards it, and wishes to its sender."""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection

from signaling.errors import PeerGone, SignalingError
from signaling.programs.ends import first_error
from signaling.sfu.errors import NoSuchRoom
from signaling.sfu.link import Link, linked
from signaling.sfu.mux import Kind, Multiplexer
from signaling.sfu.rooms import Feed, TextRoom, VideoRoom
from signaling.sfu.upstream import UpstreamControl, Wish
from signaling.transport.channels import Channels
from signaling.transport.connection import answer, apply_description
from signaling.transport.insides.settle import settle
from signaling.transport.peer import IncomingChannel, PeerChannel

__all__ = ["Subscription", "subscribed"]

_OWN = "facewire"  # Janus forwards to those alone that have opened a channel
_OPEN_S, _ANSWER_S = 10.0, 3.0
_WAITING_WISHES = 8
_LOOK_S, _RARE_LOOK_S, _SILENT_S = 3.0, 6.0, 8.0


class Subscription:
    """One sender's stream. Made by `subscribed`."""

    def __init__(self, link: Link, feed: Feed, *, room: VideoRoom, wishes: TextRoom) -> None:
        self.pc, self.counts = link.pc, Counter[str]()
        self._link, self._feed, self._room, self._wishes = link, feed, room, wishes
        self._waiting: asyncio.Queue[Wish] = asyncio.Queue(_WAITING_WISHES)
        self._heard_s = asyncio.get_running_loop().time()
        self._carrier = IncomingChannel(_OWN)
        self._multiplexer = Multiplexer(self._carrier, heard=self._note)
        control = UpstreamControl(
            self._multiplexer.channel(Kind.CONTROL),
            viewer=int.from_bytes(secrets.token_bytes(4), "big"),
            post=self._post,
            now_s=asyncio.get_running_loop().time,
        )
        self.channels: Channels = self._multiplexer.channels(control=control, flying=lambda: None, extra=lambda: 0)
        link.pc.on("datachannel", self._on_channel)

    async def ended(self) -> str:
        """Waits until the stream is over, and says why."""
        return await self._link.ended()

    async def post(self) -> None:
        """Has what waits announced, for as long as the block lasts."""
        while True:
            wish = await self._waiting.get()
            try:
                await self._wishes.announce(wish.text())
            except SignalingError as error:  # the sender's room is not there just now, or the line is gone
                self.counts["unsent_wishes"] += 1
                self.counts[f"unsent {type(error).__name__}"] += 1

    async def watch(self) -> None:
        """Ends the stream when its sender has left: Janus tells viewers nothing of that."""
        pause_s, loop = _LOOK_S, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause_s)
            silent_s = loop.time() - self._heard_s
            if silent_s < _LOOK_S:
                pause_s = _LOOK_S
                continue
            pause_s = min(2 * pause_s, _RARE_LOOK_S)
            try:
                async with asyncio.timeout(_ANSWER_S):
                    feeds = await self._room.feeds()
            except TimeoutError:
                self._link.end("Janus does not answer")
                return
            except NoSuchRoom:  # a sender that goes takes the room along that it has made
                feeds = []
            except SignalingError as error:
                self._link.end(str(error))
                return
            if self._feed.id not in [feed.id for feed in feeds]:
                self._link.end("the sender left")
            elif silent_s > _SILENT_S:
                self._link.end("nothing has come from Janus for a while")

    def _post(self, wish: Wish) -> None:
        try:
            self._waiting.put_nowait(wish)
        except asyncio.QueueFull:
            self.counts["dropped_wishes"] += 1

    def _note(self) -> None:
        self._heard_s = asyncio.get_running_loop().time()

    def _on_channel(self, data_channel: RTCDataChannel) -> None:
        if data_channel.label == str(self._feed.id) and not self._carrier.is_open:
            settle(self.pc)
            self._carrier.join(PeerChannel(data_channel))


async def _until(opened: asyncio.Event) -> None:
    """What is sent before would not be forwarded."""
    try:
        async with asyncio.timeout(_OPEN_S):
            await opened.wait()
    except TimeoutError:
        raise PeerGone("Janus opens no data channel") from None


@contextlib.asynccontextmanager
async def subscribed(
    feed: Feed, *, room: VideoRoom, wishes: TextRoom, ice: RTCConfiguration
) -> AsyncIterator[Subscription]:
    """The stream of `feed`, a sender in `room`, for the length of the block; the room's handle is given up after it.

    Raises NoSuchFeed where it has just left, TokenError, PeerGone where there is no way to Janus, and what the session
    raises.
    """
    async with linked(RTCPeerConnection(ice), room.handle, servers=ice.iceServers or ()) as link:
        subscription = Subscription(link, feed, room=room, wishes=wishes)
        await apply_description(link.pc, await room.subscribe(feed.id), "offer")
        own, opened = link.pc.createDataChannel(_OWN), asyncio.Event()
        own.on("open", opened.set)
        await room.start(await answer(link.pc))
        await link.gathered()
        await link.connected()
        await _until(opened)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work()) for work in (subscription.post, subscription.watch)]
                try:
                    yield subscription
                finally:
                    for task in tasks:
                        task.cancel()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
