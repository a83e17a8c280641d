"""Stage 1 to 6 as a program for several viewers: one source, one codec, and a call with each receiver in the room."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from aiortc import RTCPeerConnection

from sender.attach import make_voice, make_worker
from sender.broadcast.broadcast import FaceBroadcast
from sender.broadcast.viewer import Viewer
from sender.capture import Capture
from sender.options import CallOptions, SenderOptions
from sender.sound.open import open_sound
from sender.sources import open_source
from sender.terminal import Display
from signaling.address import without_login
from signaling.call import Call, connect_peer
from signaling.client import SignalingClient
from signaling.hall import Guest, Hall
from signaling.programs.ends import first_error, time_is_over
from signaling.retries import Attempts
from signaling.transport.insides.internals import connection_stats
from signaling.transport.peer import ice_configuration, offer_channels

__all__ = ["BroadcastProgram"]


class BroadcastProgram:
    """One process: one source, one codec, and every receiver that comes into the room, until the source ends."""

    def __init__(self, options: CallOptions, coding: SenderOptions, display: Display) -> None:
        """Raises SourceError for what can be told before anything is opened."""
        self._options, self._display = options, display
        source = open_source(options.input, loop=options.loop, follow=options.follow, stream=options.stream)
        self._capture = Capture(source)
        coding = replace(coding, mode="keypoints")
        self._worker = make_worker(coding)
        sound = open_sound(
            options.microphone, picture=options.input, begins=lambda: self._capture.epoch_s, loop=options.loop
        )
        self._speaks = sound is not None
        self._broadcast = FaceBroadcast(
            self._capture,
            worker=self._worker,
            options=coding,
            voice=None if sound is None else make_voice(sound, coding, news=display.say),
            keeps=True,
        )
        self._ice = ice_configuration(stun=options.stun, turn=options.turn)
        self._begun = asyncio.Event()  # the first receiver is there

    async def run(self) -> None:
        """Runs until the source ends or the time is over. Raises SenderError, CodecError, SignalingError."""
        options, display = self._options, self._display
        client = await SignalingClient.connect(
            options.signal,
            room=options.room,
            role="sender",
            token=options.token,
            ca=options.ca,
            viewers=options.viewers,
            news=display.say,
        )
        try:
            await self._worker.warm()
            display.say(f"{self._capture.label} for room {options.room!r} at {without_login(options.signal)}")
            display.say(f"waiting for receivers, {options.viewers} at a time")
            self._broadcast.watch_meter(display.show)
            self._broadcast.work.watch(display.say)
            await self._work(client)
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            self._worker.close()
            display.summary(self._broadcast.figures())
            await client.close()

    async def _work(self, client: SignalingClient) -> None:
        hall = Hall(client, news=self._display.say)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._broadcast.run())
            works = (hall.run(self._serve), self._capture.run_after(self._begun))
            beside, seconds = [group.create_task(work) for work in works], self._options.seconds
            limit = [group.create_task(time_is_over(self._begun, seconds))] if seconds else []
            await asyncio.wait([sending, beside[0], *limit], return_when=asyncio.FIRST_COMPLETED)
            await self._broadcast.close("the time is over")
            await asyncio.wait([sending])
            for task in (*beside, *limit):
                task.cancel()

    async def _serve(self, guest: Guest) -> None:
        """One receiver, for as long as it is in the room."""
        attempts = Attempts(guest, say=partial(self._say_of, guest), waiting="calling it again", shared=True)
        while guest.peer and not self._capture.ended:
            await attempts.make(partial(self._call, guest, made=attempts.made))

    async def _call(self, guest: Guest, *, made: Callable[[], None]) -> None:
        """One call. Raises PeerGone where there is no way."""
        pc = RTCPeerConnection(self._ice)
        channels = offer_channels(pc, sound=self._speaks)
        call = await connect_peer(pc, guest, servers=self._ice.iceServers or ())
        made()
        viewer = self._broadcast.add(channels, stats=partial(connection_stats, pc), name=guest.name)
        call.news, call.probe = partial(self._say_of, viewer), viewer.probe
        try:
            await self._watch(call, viewer)
        finally:
            viewer.close()
            await call.close()
        if not self._capture.ended:
            self._display.say(f"receiver {guest.name} is gone: {viewer.ended}")

    async def _watch(self, call: Call, viewer: Viewer) -> None:
        """Until the viewer or its connection has ended, whichever is first."""

        async def watch() -> None:
            viewer.close(await call.ended())

        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch())
            await viewer.opened.wait()
            if not viewer.ended:
                self._begun.set()
                self._display.say(f"receiver {viewer.name} is there: {len(self._broadcast.viewers)} now")
            await viewer.wait()
            watching.cancel()
        if viewer.refusal is not None:
            self._say_of(viewer, f"it cannot read keypoints: {viewer.refusal}")

    def _say_of(self, viewer: Viewer | Guest, text: str) -> None:
        self._display.say(f"receiver {viewer.name}: {text}")
