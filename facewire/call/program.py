"""All stages, a call as a program: one end after another in one room, until it is told to stop."""

import asyncio
from collections.abc import Callable
from functools import partial

from aiortc import RTCPeerConnection

from facewire.call.face_call import FaceCall
from facewire.call.options import CallOptions
from receiver import ReceiverOptions, receive_face
from receiver.destinations import Destinations
from receiver.figures.terminal import Terminal
from receiver.held import in_words
from receiver.picture import Picture
from sender import FaceSender, SenderOptions
from sender.attach import make_sound, make_voice, make_worker
from sender.capture import Capture
from sender.h264.fallback import add_h264_track
from sender.newest_slot import SlotClosed
from sender.sound import Voice
from sender.sound.open import open_sound
from sender.sources import open_source
from signaling.call import Call, connect_peer, peer_present
from signaling.client import SignalingClient
from signaling.errors import PeerGone, RoomError, Unreachable
from signaling.programs.ends import first_error, interrupts, unless
from signaling.retries import LASTING_S, Retries, pause
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
        self, options: CallOptions, sending: SenderOptions, receiving: ReceiverOptions, terminal: Terminal
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
        self._voice = None if sound is None else make_voice(sound, sending, news=terminal.say)
        self._begun, self._stop = asyncio.Event(), asyncio.Event()
        self._retries = Retries()
        self._destinations = Destinations()
        self._limited = False  # the time that the call may take is running

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

        if self._voice is not None:
            self._destinations.tell(microphone=True)
            self._destinations.offer("microphone", partial(self._switch, self._voice))

    def _switch(self, voice: Voice) -> None:
        voice.muted = not voice.muted
        self._destinations.tell(microphone=not voice.muted)

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
            while not self._capture.ended:
                begun_s = asyncio.get_running_loop().time()
                try:
                    await peer_present(client)
                    begun_s = asyncio.get_running_loop().time()
                    self._terminal.say(await self._meet(client))
                except PeerGone as gone:
                    self._terminal.say(f"{gone}; waiting for the other end")
                except Unreachable as unreachable:
                    self._terminal.say(f"{unreachable}; trying again until it does")
                    await asyncio.sleep(self._retries.pause_s())
                    continue
                if asyncio.get_running_loop().time() - begun_s >= LASTING_S:
                    self._retries.succeeded()
                await pause(client, self._retries.pause_s())

    async def _meet(self, client: SignalingClient) -> str:
        """One call, and why it is over. Raises PeerGone when it does not come about."""
        options, sending = self._options, self._sending
        ice = ice_configuration(stun=options.stun, turn=options.turn)
        pc = RTCPeerConnection(ice)
        channels = offer_channels(pc, sound=self._voice is not None)
        video = add_h264_track(pc) if sending.mode != "keypoints" else None
        receiver = receive_face(pc, self._receiving, alone=True)
        receiver.watch(self._show)
        receiver.watch_meter(self._terminal.show)
        receiver.held.watch(lambda *held: self._terminal.say(in_words(*held)))
        receiver.watch_meter(self._destinations.meter)
        receiver.watch_refusals(lambda reason: self._terminal.say(f"the other end cannot be shown: {reason}"))
        receiver.watch(self._destinations.record, every=options.record is not None)
        call = await connect_peer(pc, client, servers=ice.iceServers or ())
        try:
            say = self._terminal.say
            sender = FaceSender(
                channels,
                self._capture,
                worker=self._worker,
                options=sending,
                video=video,
                sound=None if self._voice is None else make_sound(self._voice, channels, sending),
                stats=partial(connection_stats, pc),
                keeps=True,
            )
            sender.watch_refusals(lambda reason: say(f"the other end cannot read keypoints: {reason}"))
            sender.work.watch(say)
            call.probe, call.news = sender.probe, say
            say("connected")
            self._begun.set()
            return await self._talk(call, FaceCall(sender, receiver))
        finally:
            await receiver.close()
            await call.close()
            self._terminal.summary()

    async def _talk(self, call: Call, both: FaceCall) -> str:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(both.run())
            ending = group.create_task(call.ended())
            heard = self._destinations.hear(both.receiver, speaker=self._options.speaker, say=self._terminal.say)
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
