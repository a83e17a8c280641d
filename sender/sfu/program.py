"""Stage 1 to 6 as a program for an SFU: one source, one codec, and one stream to Janus, whoever watches there."""

import asyncio
from dataclasses import replace
from functools import partial

from sender.attach import make_sound, make_worker
from sender.capture import Capture
from sender.meter import Figures
from sender.options import CallOptions, SenderOptions
from sender.send import FaceSender
from sender.sfu.audience import Audience
from sender.sound.open import open_sound
from sender.sources import open_source
from sender.terminal import Display
from signaling.programs.ends import first_error, time_is_over
from signaling.protocol.capabilities import ARRIVALS, SOUND
from signaling.protocol.messages import Capabilities, KeyframeRequest, encode
from signaling.protocol.quantities import VIEWERS
from signaling.sfu.address import sfu_url
from signaling.sfu.mux import Kind
from signaling.sfu.publication import Publication, published
from signaling.sfu.session import janus_session
from signaling.sfu.trying import Trying
from signaling.sfu.upstream import Wish
from signaling.transport.insides.internals import connection_stats
from signaling.transport.peer import ice_configuration

__all__ = ["ALL_VIEWERS", "SfuProgram"]

_GRANT_S = 0.1  # between two looks at what viewers wish for
ALL_VIEWERS = Capabilities(end="receiver", software="viewers behind Janus", features=(SOUND,))


class SfuProgram:
    """One process: one source, one codec, one stream; begun again whenever Janus comes back."""

    def __init__(self, options: CallOptions, coding: SenderOptions, display: Display) -> None:
        """Raises SourceError for what can be told before anything is opened."""
        self._options, self._display = options, display
        self._coding = replace(coding, mode="keypoints")
        self._url = sfu_url(options.sfu)
        source = open_source(options.input, loop=options.loop, follow=options.follow, stream=options.stream)
        self._capture = Capture(source)
        self._sound = open_sound(
            options.microphone, picture=options.input, begins=lambda: self._capture.epoch_s, loop=options.loop
        )
        self._worker = make_worker(self._coding)
        self._ice = ice_configuration(stun=options.stun, turn=options.turn)
        self._begun = asyncio.Event()  # somebody watches
        self._trying = Trying(say=display.say)

    async def run(self) -> None:
        """Runs until the source ends or the time is over. Raises SenderError, CodecError, SignalingError."""
        options, display = self._options, self._display
        try:
            await self._worker.warm()
            display.say(f"{self._capture.label} for room {options.room!r} through {self._shown}")
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._trying.run(self._serve, until=lambda: self._capture.ended))
                capturing = group.create_task(self._capture.run_after(self._begun))
                limit = [group.create_task(time_is_over(self._begun, options.seconds))] if options.seconds else []
                await asyncio.wait([sending, *limit], return_when=asyncio.FIRST_COMPLETED)
                for task in (sending, capturing, *limit):
                    task.cancel()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            self._worker.close()

    @property
    def _shown(self) -> str:
        return f"Janus at {self._url.rpartition('@')[2].removeprefix('ws://').removeprefix('wss://')}"

    async def _serve(self) -> None:
        """One session with Janus, until it or the source ends."""
        options = self._options
        async with janus_session(self._url, ca=options.ca) as session:
            self._trying.reached()
            async with published(session, options.room, ice=self._ice, token=options.token) as publication:
                self._trying.works()
                self._display.say(f"in room {publication.key} of {self._shown}; waiting for viewers")
                await self._send(publication)

    async def _send(self, publication: Publication) -> None:
        heard, channels, say = self._sound, publication.channels, self._display.say
        sender = FaceSender(
            channels,
            self._capture,
            worker=self._worker,
            options=self._coding,
            sound=None if heard is None else make_sound(heard, channels, self._coding, news=say),
            stats=partial(connection_stats, publication.pc),
            keeps=True,
        )
        audience = Audience()
        publication.wishes.watch(partial(self._hear, publication, audience))
        publication.multiplexer.channel(Kind.CONTROL).hear(encode(_viewers(publication)))
        sender.watch_meter(partial(self._show, sender, audience))
        sender.work.watch(self._display.say)
        try:
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(self._watch(publication, sender)),
                    group.create_task(self._grant(publication, audience, sender)),
                ]
                await sender.run()
                for task in beside:
                    task.cancel()
        finally:
            self._display.summary(sender.figures())
        self._display.say(sender.ended)

    async def _watch(self, publication: Publication, sender: FaceSender) -> None:
        await sender.close(await publication.ended())

    def _hear(self, publication: Publication, audience: Audience, wish: Wish) -> None:
        """One message of a viewer."""
        if not self._begun.is_set():
            self._display.say("a viewer is there")
            self._begun.set()
        message = audience.hear(wish, now_s=asyncio.get_running_loop().time())
        if message is not None:
            publication.multiplexer.channel(Kind.CONTROL).hear(encode(message))

    async def _grant(self, publication: Publication, audience: Audience, sender: FaceSender) -> None:
        """Keyframes for viewers that wish for one, and who sends what before it: some have just come."""
        while True:
            if audience.grant(now_s=asyncio.get_running_loop().time()):
                sender.introduce()
                publication.multiplexer.channel(Kind.CONTROL).hear(encode(KeyframeRequest(reason="viewers")))
            await asyncio.sleep(_GRANT_S)

    def _show(self, sender: FaceSender, audience: Audience, figures: Figures) -> None:
        heard = audience.heard(now_s=asyncio.get_running_loop().time())
        figures["viewers_heard"], figures["viewer_wishes"] = heard, audience.wishes
        sender.beside[VIEWERS] = heard
        self._display.show(figures)


def _viewers(publication: Publication) -> Capabilities:
    """What all viewers together can: the line is known as far as the SFU's receipts tell of it."""
    return replace(ALL_VIEWERS, features=(*ALL_VIEWERS.features, ARRIVALS)) if publication.knows_line else ALL_VIEWERS
