"""Stages 6 to 10 as a program for an SFU: what one sender after another has forwarded, shown in one output."""

from receiver.h264.fallback import FallbackSource
from receiver.program import Program
from receiver.receive import FaceReceiver
from signaling.errors import PeerGone
from signaling.sfu.address import sfu_url
from signaling.sfu.rooms import TEXTROOM, VIDEOROOM, Feed, TextRoom, VideoRoom, key_of
from signaling.sfu.session import JanusSession, janus_session
from signaling.sfu.subscription import Subscription, subscribed
from signaling.sfu.trying import Trying
from signaling.transport.peer import ice_configuration

__all__ = ["SfuProgram"]


class SfuProgram(Program):
    """A viewer. A session with Janus is begun for each sender, and whenever the line to Janus breaks."""

    async def _serve(self) -> None:
        trying = Trying(say=self._terminal.say, retries=self._retries, sleep=self._sleep)
        self._terminal.say(f"in room {self._options.room}: looking for a sender")

        async def serve() -> None:
            async with janus_session(sfu_url(self._options.sfu), ca=self._options.ca) as session:
                trying.reached()
                await self._view(session, trying)

        await trying.run(serve)

    async def _view(self, session: JanusSession, trying: Trying) -> None:
        """One sender, if there is one. Raises PeerGone when it is over."""
        options = self._options
        video, text = await session.attach(VIDEOROOM), await session.attach(TEXTROOM)
        key = await key_of(video, options.room)
        directory, wishes = VideoRoom(video, key, token=options.token), TextRoom(text, key, token=options.token)
        feed = await _sender_in(directory)
        ice = ice_configuration(stun=options.stun, turn=options.turn)
        async with subscribed(
            session, feed, directory=directory, wishes=wishes, ice=ice, token=options.token
        ) as subscription:
            trying.works()
            await self._show_what_comes(subscription)

    async def _show_what_comes(self, subscription: Subscription) -> None:
        receiver = FaceReceiver(
            subscription.channels, options=self._receiving, fallback=FallbackSource(subscription.pc, alone=True)
        )
        self._watch(receiver)
        self._connected()
        try:
            await self._receive(subscription.ended, receiver)
        finally:
            await receiver.close()
            self._terminal.summary()


async def _sender_in(room: VideoRoom) -> Feed:
    """The sender there is. Raises PeerGone where there is none, NoSuchRoom where there is not even a room."""
    feeds = await room.feeds()
    if not feeds:
        raise PeerGone("no sender is in the room")
    return feeds[0]
