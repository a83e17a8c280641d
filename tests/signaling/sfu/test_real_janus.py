"""A test of the whole way through a real Janus, where one is installed: a sender, viewers, wishes, and how it ends."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiortc import RTCConfiguration

from benchmarks.calls.sfu.janus import Janus
from signaling.errors import TokenError
from signaling.protocol.messages import Capabilities, KeyframeRequest, encode
from signaling.sfu import subscription as viewing
from signaling.sfu.address import sfu_url
from signaling.sfu.errors import RoomFull
from signaling.sfu.mux import LONGEST
from signaling.sfu.publication import Publication, published
from signaling.sfu.rooms import TEXTROOM, VIDEOROOM, TextRoom, VideoRoom
from signaling.sfu.session import janus_session
from signaling.sfu.subscription import Subscription, subscribed
from signaling.sfu.upstream import Wish
from signaling.transport.congestion import ArrivalReport
from signaling.transport.congestion.arrivals import tag_of

pytestmark = pytest.mark.skipif(
    shutil.which("janus") is None, reason="janus is not installed (Debian: apt-get install janus)"
)
ICE = RTCConfiguration(iceServers=[])
TOKEN = "of the room"


class Ends:
    """Sessions with one Janus."""

    def __init__(self, url: str) -> None:
        self._url = sfu_url(url)

    @asynccontextmanager
    async def sender(self, *, token: str = TOKEN) -> AsyncIterator[Publication]:
        async with (
            janus_session(self._url) as session,
            published(session, "hall", ice=ICE, token=token) as publication,
        ):
            yield publication

    @asynccontextmanager
    async def viewer(self, publication: Publication) -> AsyncIterator[Subscription]:
        async with janus_session(self._url) as session:
            video, text = await session.attach(VIDEOROOM), await session.attach(TEXTROOM)
            room = VideoRoom(video, publication.key, token=TOKEN)
            wishes = TextRoom(text, publication.key, token=TOKEN)
            (feed,) = await room.feeds()
            async with subscribed(feed, room=room, wishes=wishes, ice=ICE) as subscription:
                yield subscription


class Heard:
    """What a viewer hears of a stream, in the order in which it comes, whatever the channel."""

    def __init__(self, subscription: Subscription) -> None:
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        channels = subscription.channels
        for name, channel in (("reference", channels.reference), ("motion", channels.motion)):
            channel.set_receiver(lambda data, name=name: self.messages.put_nowait((name, data)))
        channels.control.set_receiver(lambda data: self.messages.put_nowait(("control", data)))


async def test_a_stream_through_janus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewing, "_LOOK_S", 0.1)
    wished: asyncio.Queue[Wish] = asyncio.Queue()
    stream = [("reference", bytes(LONGEST)), ("motion", b"m"), ("reference", b"r"), ("control", None), ("motion", b"n")]
    hello = encode(Capabilities("sender"))
    with Janus(tmp_path) as janus:
        ends = Ends(janus.url)
        async with ends.sender() as publication:
            publication.wishes.watch(wished.put_nowait)
            async with ends.viewer(publication) as one, ends.viewer(publication) as other:
                both = [Heard(one), Heard(other)]
                for subscription in (one, other):
                    subscription.channels.control.send(encode(KeyframeRequest("joined")))
                wishes = [await wished.get(), await wished.get()]
                assert {wish.message for wish in wishes} == {KeyframeRequest("joined")}
                assert len({wish.viewer for wish in wishes}) == 2
                for name, data in stream:
                    getattr(publication.channels, name).send(data or hello)
                for heard in both:
                    assert [await heard.messages.get() for _ in stream] == [(name, d or hello) for name, d in stream]
                with pytest.raises(RoomFull):
                    async with ends.sender():
                        raise AssertionError("there is one already")
                with pytest.raises(TokenError):
                    async with ends.sender(token="another"):
                        raise AssertionError("it is let in")
                await publication.links[0].pc.close()  # the sender vanishes
                assert await one.ended() == "the sender left"
                assert await publication.ended()
        async with ends.sender() as publication, ends.viewer(publication) as viewer:
            janus.kill()
            assert "gone" in await viewer.ended()
            assert "gone" in await publication.ended()


async def test_the_sender_hears_of_what_has_come_to_janus(tmp_path: Path) -> None:
    """Tags of messages as the sender knows them, by receipts alone: nobody watches."""
    left: list[int] = []
    heard: asyncio.Queue[ArrivalReport] = asyncio.Queue()
    with Janus(tmp_path) as janus:
        async with Ends(janus.url).sender() as publication:
            assert publication.knows_line
            publication.channels.tap.sent = lambda data, resent: left.append(tag_of(data))
            publication.channels.motion.set_receiver(lambda data: heard.put_nowait(ArrivalReport.parse(data)))
            told: set[int] = set()
            number = 0
            while len(told) < 4:
                number += 1
                publication.channels.motion.send(b"motion %d" % number)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        told |= {tag for tag, _ in (await heard.get()).entries}
            assert told <= set(left)
