"""All stages, a call as a program: whoever is in one room with it, until it is told to stop."""

import asyncio
from dataclasses import replace
from functools import partial

from facewire.call.echo import without_echo
from facewire.call.entrance import enter
from facewire.call.options import CallOptions
from facewire.call.visit import House
from facewire.call.ways import Source
from facewire.mesh import FaceMesh
from facewire.mesh.board import Board
from receiver import ReceiverOptions
from receiver.destinations import Destinations
from receiver.figures.terminal import Terminal
from receiver.sound import SoundTrack
from receiver.sound.mixer import Mixer
from sender import SenderOptions
from sender.attach import make_voice, make_worker
from sender.capture import Capture
from sender.newest_slot import SlotClosed
from sender.sound.open import open_sound
from sender.sound.voice import Voice
from sender.sources import open_source
from signaling.errors import Unreachable
from signaling.hall import Hall
from signaling.programs.ends import first_error, interrupts, unless
from signaling.retries import Retries
from signaling.threads import tell_loop
from signaling.transport.peer import ice_configuration

__all__ = ["Program"]


class Program:
    """One process: one camera, one microphone, one window; and the other ends in the room, up to three at a time."""

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
        self._options, self._receiving, self._terminal = options, receiving, terminal
        source = open_source(options.input, loop=options.loop, follow=options.follow)
        self._capture, self._worker = Capture(source), make_worker(sending)
        sound = open_sound(
            options.microphone, picture=options.input, begins=lambda: self._capture.epoch_s, loop=options.loop
        )
        sound, self._played = without_echo(sound, options.echo, speaker=options.speaker, say=terminal.say)
        self._voice = None if sound is None else make_voice(sound, sending, news=terminal.say)
        self._sending = sending
        self._stop = asyncio.Event()
        self._destinations = destinations or Destinations()
        self._limited = False  # the time that the call may take is running

    async def run(self) -> None:
        """Runs until interrupted, the window is closed, the source or the time is over.

        Raises SignalingError, SenderError, ReceiverError or CodecError, each with one line that says why.
        """
        with interrupts(self._stop.set):
            try:
                await unless(self._stop, self._open())
                await unless(self._stop, self._worker.warm())
                await unless(self._stop, self._work())
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

    async def _work(self) -> None:
        """All of it, until the source is over and what was taken of it has been sent."""
        house = self._house()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(house.mesh.run())
            works = [self._serve(house), house.board.run(), self._watch_self(), self._hear(house)]
            works += [] if self._voice is None else [self._speak(house, self._voice)]
            tasks = [group.create_task(work) for work in works]
            await self._capture.run_after(house.began)
            await asyncio.wait([sending])
            await house.silence.wait()
            for task in tasks:
                task.cancel()

    def _house(self) -> House:
        options, capture, receiving = self._options, self._capture, self._receiving
        mixer: Mixer[str] = Mixer()
        house = House(
            options=options,
            ice=ice_configuration(stun=options.stun, turn=options.turn),
            source=Source(
                capture=capture, worker=self._worker, voice=self._voice, sending=self._sending, receiving=receiving
            ),
            mesh=FaceMesh(
                capture,
                worker=self._worker,
                sending=replace(self._sending, mode="keypoints"),
                receiving=receiving,
                voice=self._voice,
                keeps=True,
            ),
            mixer=mixer,
            board=Board(
                self._destinations.show,
                levels_db=mixer.levels_db,
                side=receiving.size,
                hold=self._destinations.hold,
                laid_out=lambda place: self._destinations.tell(own_at="bottomright" if place else "topright"),
            ),
            destinations=self._destinations,
            terminal=self._terminal,
            saw=self._saw,
        )
        house.mesh.broadcast.work.watch(self._terminal.say)
        house.silence.set()
        return house

    async def _serve(self, house: House) -> None:
        """Whoever is in the room, for as long as there is a way to it."""
        say, retries = self._terminal.say, Retries()
        async with await enter(self._options, say=say) as client:
            say(f"in room {self._options.room}: waiting for the other end")
            while True:
                try:
                    await Hall(client, news=say).run(house.receive)
                except Unreachable as unreachable:
                    say(f"{unreachable}; trying again until it does")
                    await asyncio.sleep(retries.pause_s())

    async def _watch_self(self) -> None:
        slot = self._capture.subscribe()
        try:
            while not self._options.no_self_view:
                self._destinations.show_own((await slot.get()).image_rgb)
        except SlotClosed:
            self._destinations.show_own(None)

    async def _speak(self, house: House, voice: Voice) -> None:
        """The microphone is on while somebody is there."""
        while True:
            await house.somebody.wait()
            await unless(house.nobody, voice.run())

    async def _hear(self, house: House) -> None:
        """So is the loudspeaker, with the voices of all."""
        while True:
            await house.somebody.wait()
            track = SoundTrack(house.mixer)
            hearing = self._destinations.hear(
                house.mixer, track, speaker=self._options.speaker, say=self._terminal.say, played=self._played
            )
            await unless(house.nobody, hearing)

    def _saw(self) -> None:
        if self._options.seconds is not None and not self._limited:
            self._limited = True
            asyncio.get_running_loop().call_later(self._options.seconds, self._stop.set)
