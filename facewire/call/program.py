"""All stages, a call as a program: one end after another in one room, until it is told to stop."""

import asyncio
from collections.abc import Callable
from functools import partial

from aiortc import RTCPeerConnection

from facewire.call.echo import without_echo
from facewire.call.face_call import FaceCall
from facewire.call.options import CallOptions
from receiver import ReceiverOptions, receive_face
from receiver.destinations import Destinations
from receiver.figures.terminal import Terminal
from receiver.held import in_words
from receiver.picture import Picture
from sender import FaceSender, SenderOptions
from sender.attach import make_sound, make_worker
from sender.capture import Capture
from sender.h264.fallback import add_h264_track
from sender.newest_slot import SlotClosed
from sender.sound.flow import SoundFlow
from sender.sound.open import open_sound
from sender.sources import open_source
from signaling.call import Call, connect_peer, peer_present
from signaling.client import SignalingClient
from signaling.errors import RoomError
from signaling.programs.ends import first_error, interrupts, unless
from signaling.retries import Attempts
from signaling.threads import tell_loop
from signaling.transport.insides.internals import connection_stats
from signaling.transport.peer import ice_configuration, offer_channels

__all__ = ["Program", "enter"]


async def enter(options: CallOptions, *, say: Callable[[str], None]) -> SignalingClient:
    """The line to the room, on whichever of its two seats is free. Raises RoomError where none is."""

    async def sit(role: str) -> SignalingClient:
        return await SignalingClient.connect(
            options.signal,
            room=options.room,
            role="sender" if role == "sender" else "receiver",
            token=options.token,
            ca=options.ca,
            news=say,
        )

    try:
        return await sit("sender")
    except RoomError as first:
        try:
            return await sit("receiver")
        except RoomError as second:
            both = "has a" in str(first) and "has a" in str(second)
            raise RoomError(f"room {options.room} is full: two ends are in it") from None if both else second


class Program:
    """One process: one camera, one microphone, one window; and one other end after the other."""

    def __init__(
        self,
        options: CallOptions,
        sending: SenderOptions,
        receiving: ReceiverOptions,
        terminal: Terminal,
        *,
        destinations: Destinations | None = None,
    ) -> None:
        """Raises SourceError for what can be told before anything is opened."""
        self._options, self._sending, self._receiving = options, sending, receiving
        self._terminal = terminal
        source = open_source(options.input, loop=options.loop, follow=options.follow)
        self._is_live = source.is_live
        self._capture = Capture(source)
        self._worker = make_worker(sending)
        sound = open_sound(
            options.microphone, picture=options.input, begins=lambda: self._capture.epoch_s, loop=options.loop
        )
        self._sound, self._played = without_echo(sound, options.echo, speaker=options.speaker, say=terminal.say)
        self._begun, self._stop = asyncio.Event(), asyncio.Event()
        self._destinations = destinations or Destinations()
        self._limited = False  # the time that the call may take is running
        self._muted = False
        self._flow: SoundFlow | None = None

    async def run(self) -> None:
        """Runs until interrupted, the window is closed, the source or the time is over.

        Raises SignalingError, SenderError, ReceiverError or CodecError, each with one line that says why.
        """
        with interrupts(self._stop.set):
            try:
                await unless(self._stop, self._open())
                await unless(self._stop, self._worker.warm())
                async with asyncio.TaskGroup() as group:
                    works = [self._serve(), self._run_capture(), self._watch_self()]
                    tasks = [group.create_task(work) for work in works]
                    stopping = group.create_task(self._stop.wait())
                    await asyncio.wait([tasks[0], stopping], return_when=asyncio.FIRST_COMPLETED)
                    for task in [*tasks, stopping]:
                        task.cancel()
            except BaseExceptionGroup as failed:
                raise first_error(failed) from None
            finally:
                self._worker.close()
                await self._destinations.close()

    def stop(self) -> None:
        """Ends `run` in an orderly way."""
        self._stop.set()

    async def _open(self) -> None:
        loop, options = asyncio.get_running_loop(), self._options
        await self._destinations.open(
            options.output,
            record=options.record,
            snapshot=options.snapshot,
            sound=True,
            size=self._receiving.size,
            ended=lambda _: tell_loop(loop, self._stop.set),
        )

        if self._sound is not None:
            self._destinations.tell(microphone=True)
            self._destinations.offer("microphone", self._switch_microphone)

    def _switch_microphone(self) -> None:
        self._muted = not self._muted
        if self._flow is not None:
            self._flow.muted = self._muted
        self._destinations.tell(microphone=not self._muted)

    async def _run_capture(self) -> None:
        """A file begins with the first call, a live source now: it is warm when somebody comes."""
        if not self._is_live:
            await self._begun.wait()
        await self._capture.run()

    async def _watch_self(self) -> None:
        slot = self._capture.subscribe()
        try:
            while not self._options.no_self_view:
                self._destinations.show_own((await slot.get()).image_rgb)
        except SlotClosed:
            self._destinations.show_own(None)

    async def _serve(self) -> None:
        """One other end after the other, as long as there is something to send."""
        async with await enter(self._options, say=self._terminal.say) as client:
            self._terminal.say(f"in room {self._options.room}: waiting for the other end")
            attempts = Attempts(client, say=self._terminal.say, waiting="waiting for the other end")
            while not self._capture.ended:
                await attempts.make(partial(self._meet, client, made=attempts.made))

    async def _meet(self, client: SignalingClient, *, made: Callable[[], None]) -> None:
        """Waits for another end, and talks to it. Raises PeerGone when no call comes about."""
        await peer_present(client)
        options, sending = self._options, self._sending
        ice = ice_configuration(stun=options.stun, turn=options.turn)
        pc = RTCPeerConnection(ice)
        channels = offer_channels(pc, sound=self._sound is not None)
        video = add_h264_track(pc) if sending.mode != "keypoints" else None
        receiver = receive_face(pc, self._receiving, alone=True)
        self._destinations.begin()
        receiver.watch(self._show)
        receiver.watch_meter(self._terminal.show)
        receiver.held.watch(lambda *held: self._terminal.say(in_words(*held)))
        receiver.held.watch(self._destinations.hold)
        receiver.watch_meter(self._destinations.meter)
        receiver.watch_refusals(lambda reason: self._terminal.say(f"the other end cannot be shown: {reason}"))
        receiver.watch(self._destinations.record, every=options.record is not None)
        call = await connect_peer(pc, client, servers=ice.iceServers or ())
        try:
            sound = self._sound
            say = self._terminal.say
            flow = self._flow = None if sound is None else make_sound(sound, channels, sending, news=say)
            if flow is not None:
                flow.muted = self._muted
            sender = FaceSender(
                channels,
                self._capture,
                worker=self._worker,
                options=sending,
                video=video,
                sound=flow,
                stats=partial(connection_stats, pc),
                keeps=True,
            )
            sender.watch_refusals(lambda reason: say(f"the other end cannot read keypoints: {reason}"))
            sender.work.watch(say)
            call.probe, call.news = sender.probe, say
            say("connected")
            made()
            self._begun.set()
            say(await self._talk(call, FaceCall(sender, receiver)))
        finally:
            self._destinations.hold()
            await receiver.close()
            await call.close()
            self._terminal.summary()

    async def _talk(self, call: Call, both: FaceCall) -> str:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(both.run())
            ending = group.create_task(call.ended())
            heard = self._destinations.hear(
                both.receiver, speaker=self._options.speaker, say=self._terminal.say, played=self._played
            )
            hearing = group.create_task(heard)
            await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
            await both.close()
            reason = ending.result() if ending.done() else both.sender.ended
            for task in (ending, hearing):
                task.cancel()
        return reason

    def _show(self, picture: Picture) -> None:
        self._destinations.show(picture)
        if self._options.seconds is not None and not self._limited:
            self._limited = True
            asyncio.get_running_loop().call_later(self._options.seconds, self._stop.set)
