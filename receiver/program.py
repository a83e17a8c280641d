"""Stages 6 to 10 as a program: one sender after another, shown in one output."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from aiortc import RTCIceServer, RTCPeerConnection

from receiver.attach import receive_face
from receiver.destinations import Destinations
from receiver.figures.terminal import Terminal
from receiver.held import in_words
from receiver.options import CallOptions, ReceiverOptions
from receiver.picture import Picture
from receiver.receive import FaceReceiver
from signaling.call import Call, connect_peer
from signaling.client import SignalingClient
from signaling.errors import PeerGone
from signaling.programs.ends import first_error, interrupts, unless
from signaling.retries import Attempts, Retries, Sleep
from signaling.threads import tell_loop
from signaling.transport.connection import close_connection
from signaling.transport.peer import ice_configuration

__all__ = ["Program"]


class Program:
    """Meets one sender after another, and shows all of them in one output."""

    def __init__(
        self,
        options: CallOptions,
        receiving: ReceiverOptions,
        terminal: Terminal,
        *,
        retries: Retries | None = None,
        sleep: Sleep = asyncio.sleep,
        destinations: Destinations | None = None,
    ) -> None:
        self._retries, self._sleep = retries, sleep
        self._options = options
        self._receiving = receiving
        self._terminal = terminal
        self._stop = asyncio.Event()
        self._connected_s = math.inf
        self._waits = False  # for the first picture of a call
        self._started = False
        self._destinations = destinations or Destinations()

    async def run(self) -> None:
        """Runs until interrupted, until the window is closed, or until the time is over.

        Raises SignalingError, ReceiverError or CodecError, each with one line that says why.
        """
        with interrupts(self.stop):
            try:
                await unless(self._stop, self._open())
                async with asyncio.TaskGroup() as group:
                    serving = group.create_task(self._serve())
                    serving.add_done_callback(lambda _: self._stop.set())
                    await self._stop.wait()
                    serving.cancel()
            finally:
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
            sound=self._receiving.sound,
            size=self._receiving.size,
            ended=lambda _: tell_loop(loop, self._stop.set),
        )

    async def _serve(self) -> None:
        """One sender after another."""
        options = self._options
        client = await SignalingClient.connect(
            options.signal,
            room=options.room,
            role="receiver",
            token=options.token,
            ca=options.ca,
            news=self._terminal.say,
        )
        async with client:
            self._terminal.say(f"in room {options.room}: waiting for a sender")
            say, waiting = self._terminal.say, "waiting for a sender"
            attempts = Attempts(client, say=say, waiting=waiting, retries=self._retries, sleep=self._sleep)
            while True:
                await attempts.make(partial(self._meet, client, made=attempts.made))

    async def _meet(self, client: SignalingClient, *, made: Callable[[], None]) -> None:
        """One call, from the offer to its end. Raises PeerGone when the other end is no longer there."""
        ice = ice_configuration(stun=self._options.stun, turn=self._options.turn)
        pc = RTCPeerConnection(ice)
        receiver = receive_face(pc, self._receiving, alone=True)
        self._watch(receiver)
        try:
            call = await self._connect(pc, client, receiver, servers=ice.iceServers or ())
            try:
                call.probe, call.news = receiver.probe, self._terminal.say
                self._connected()
                made()
                await self._receive(call.ended, receiver)
            finally:
                await call.close()
        finally:
            self._destinations.hold()
            await receiver.close()
            await close_connection(pc)
            self._terminal.summary()

    def _watch(self, receiver: FaceReceiver) -> None:
        self._destinations.begin()
        receiver.watch(self._show)
        receiver.watch_meter(self._terminal.show)
        receiver.watch_meter(self._destinations.meter)
        receiver.watch_refusals(lambda reason: self._terminal.say(f"the sender's pictures cannot be shown: {reason}"))
        receiver.held.watch(lambda *held: self._terminal.say(in_words(*held)))
        receiver.held.watch(self._destinations.hold)
        if self._options.record is not None:
            receiver.watch(self._destinations.record, every=True)

    def _connected(self) -> None:
        self._terminal.say("connected")
        self._connected_s, self._waits = asyncio.get_running_loop().time(), True

    async def _connect(
        self,
        pc: RTCPeerConnection,
        client: SignalingClient,
        receiver: FaceReceiver,
        *,
        servers: Sequence[RTCIceServer],
    ) -> Call:
        """Waits for a sender while the networks are loaded: where that fails, there is nothing to wait for."""
        try:
            async with asyncio.TaskGroup() as group:
                preparing = group.create_task(receiver.prepared())
                call = await connect_peer(pc, client, servers=servers)
                preparing.cancel()  # what is still loading goes on in the call, and fails there
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        return call

    async def _receive(self, ended: Callable[[], Coroutine[Any, Any, str]], receiver: FaceReceiver) -> None:
        """Until the receiver or its connection has ended. Raises PeerGone, which says why."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(receiver.run())
            ending = group.create_task(ended())
            hearing = group.create_task(self._hear(receiver))
            await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
            await receiver.close()
            ending.cancel()
            hearing.cancel()
        raise PeerGone("the other end closed the channels" if ending.cancelled() else ending.result())

    async def _hear(self, receiver: FaceReceiver) -> None:
        if self._receiving.sound:
            self._destinations.record_voice(receiver.sound)
            speaker, say = self._options.speaker, self._terminal.say
            await self._destinations.hear(receiver.sound, receiver.sound_track, speaker=speaker, say=say)

    def _show(self, picture: Picture) -> None:
        self._destinations.show(picture)
        loop = asyncio.get_running_loop()
        if self._waits:
            self._waits = False
            self._terminal.say(f"first picture ({picture.kind}) after {loop.time() - self._connected_s:.2f} s")
        if not self._started:
            self._started = True
            if self._options.seconds is not None:
                loop.call_later(self._options.seconds, self._stop.set)
