"""Stages 6 to 10 as a program for an SFU: what one sender after another has forwarded, shown in one output."""

from receiver.h264.fallback import FallbackSource
from receiver.program import Program
from receiver.receive import FaceReceiver
from signaling.backoff import Retries
from signaling.sfu.address import sfu_url
from signaling.sfu.errors import NoSuchRoom
from signaling.sfu.rooms import TEXTROOM, VIDEOROOM, Feed, TextRoom, VideoRoom, key_of
from signaling.sfu.session import JanusSession, janus_session
from signaling.sfu.subscription import Subscription, subscribed
from signaling.sfu.trying import Trying
from signaling.transport.peer import ice_configuration

__all__ = ["SfuProgram"]

_LOOK_S = 5.0  # between two looks for a sender, at most


class SfuProgram(Program):
    """A viewer. A session with Janus is begun for each sender, and whenever the line to Janus breaks."""

    _is_told = False  # that no sender is there

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
        room, wishes = VideoRoom(video, key, token=options.token), TextRoom(text, key, token=options.token)
        feed = await self._sender_in(room)
        ice = ice_configuration(stun=options.stun, turn=options.turn)
        async with subscribed(feed, room=room, wishes=wishes, ice=ice) as subscription:
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
            self._destinations.hold()
            await receiver.close()
            self._terminal.summary()

    async def _sender_in(self, room: VideoRoom) -> Feed:
        """The sender, as soon as there is one. Raises what the session raises."""
        retries = Retries(longest_s=_LOOK_S)
        while True:
            try:
                feeds = await room.feeds()
            except NoSuchRoom:  # its sender makes it
                feeds = []
            if feeds:
                self._is_told = False
                return feeds[0]
            if not self._is_told:
                self._is_told = True
                self._terminal.say("no sender is there; waiting for one")
            await self._sleep(retries.pause_s())
