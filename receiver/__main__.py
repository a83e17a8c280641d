"""Stages 6 to 10, command line: `python -m receiver`, which receives from one sender after another."""

from codec.program.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

import asyncio
import math
import sys
from collections.abc import Sequence

from aiortc import RTCIceServer, RTCPeerConnection

from codec.errors import CodecError
from codec.flags import Parser, add_flags, from_flags
from codec.program.interrupts import leave
from receiver.attach import receive_face
from receiver.destinations import Destinations
from receiver.errors import ReceiverError
from receiver.figures.terminal import Terminal
from receiver.held import in_words
from receiver.options import CallOptions, ReceiverOptions
from receiver.picture import Picture
from receiver.receive import FaceReceiver
from signaling.call import Call, connect_peer
from signaling.client import SignalingClient
from signaling.errors import OptionsError as BadOption
from signaling.errors import PeerGone, SignalingError, Unreachable
from signaling.printable import printable
from signaling.programs.diary import log_to_stderr
from signaling.programs.ends import first_error, interrupts, unless
from signaling.retries import LASTING_S, Retries, Sleep, pause
from signaling.threads import Watch, tell_loop
from signaling.transport.connection import close_connection
from signaling.transport.peer import ice_configuration

__all__ = ["Program", "main", "parse_arguments"]


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
        self._retries = retries or Retries()
        self._sleep = sleep
        self._failure = ""  # that was said last
        self._options = options
        self._receiving = receiving
        self._terminal = terminal
        self._stop = asyncio.Event()
        self._connected_s = 0.0
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
            while True:
                await self._try(client)

    async def _try(self, client: SignalingClient) -> None:
        """One call, and a pause after one that did not come about or was over at once: senders may offer for ever."""
        loop = asyncio.get_running_loop()
        self._connected_s = math.inf
        try:
            await self._meet(client)
        except Unreachable as error:
            if str(error) != self._failure:
                self._terminal.say(f"{error}; trying again until it does")
            self._failure = str(error)
            await self._sleep(self._retries.pause_s())
            return
        except PeerGone as error:
            if str(error) != self._failure or self._connected_s < math.inf:
                self._terminal.say(f"{error}; waiting for a sender")
            self._failure = str(error)
        if loop.time() - self._connected_s >= LASTING_S:
            self._retries.succeeded()
        else:
            await pause(client, self._retries.pause_s(), sleep=self._sleep)

    async def _meet(self, client: SignalingClient) -> None:
        """One call, from the offer to its end. Raises PeerGone when the other end is no longer there."""
        ice = ice_configuration(stun=self._options.stun, turn=self._options.turn)
        pc = RTCPeerConnection(ice)
        receiver = receive_face(pc, self._receiving, alone=True)
        receiver.watch(self._show)
        receiver.watch_meter(self._terminal.show)
        receiver.watch_meter(self._destinations.meter)
        receiver.watch_refusals(lambda reason: self._terminal.say(f"the sender's pictures cannot be shown: {reason}"))
        receiver.held.watch(lambda *held: self._terminal.say(in_words(*held)))
        if self._options.record is not None:
            receiver.watch(self._destinations.record, every=True)
        try:
            call = await self._connect(pc, client, receiver, servers=ice.iceServers or ())
            try:
                call.probe, call.news = receiver.probe, self._terminal.say
                self._terminal.say("connected")
                self._connected_s, self._waits = asyncio.get_running_loop().time(), True
                await self._receive(call, receiver)
            finally:
                await call.close()
        finally:
            await receiver.close()
            await close_connection(pc)
            self._terminal.summary()

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

    async def _receive(self, call: Call, receiver: FaceReceiver) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(receiver.run())
            ending = group.create_task(call.ended())
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


def parse_arguments(argv: Sequence[str] | None) -> tuple[CallOptions, ReceiverOptions]:
    """The options that the command line says. Exits with status 2 and one line when it makes no sense."""
    parser = Parser(
        prog="facewire-receive",
        description="Receives a face over WebRTC and shows or writes the reconstructed picture.",
    )
    add_flags(parser, CallOptions, title="the call")
    add_flags(parser, ReceiverOptions, title="receiving")
    parsed = parser.parse_args(argv)
    try:
        options, receiving = from_flags(CallOptions, parsed), from_flags(ReceiverOptions, parsed)
    except BadOption as error:
        parser.error(str(error))
    return options, receiving


def main(argv: Sequence[str] | None = None) -> int:
    """Receives until told to stop. Returns 0, 2 after one line that says what is wrong, 1 where a thread died."""
    options, receiving = parse_arguments(argv)
    log_to_stderr(options.log_level)
    problem = None
    with Watch(lambda text: print(f"facewire-receive: {text}", file=sys.stderr)) as watch:
        try:
            asyncio.run(_run(options, receiving, watch))
        except* (SignalingError, ReceiverError, CodecError) as errors:
            problem = printable(str(first_error(errors)), longest=600)
    if problem is not None:
        print(f"facewire-receive: {problem}", file=sys.stderr)
    return 2 if problem is not None else int(watch.died)


async def _run(options: CallOptions, receiving: ReceiverOptions, watch: Watch) -> None:
    watch.tasks(asyncio.get_running_loop())
    terminal = Terminal(json_path=options.json, level=options.log_level)
    try:
        await Program(options, receiving, terminal).run()
    finally:
        terminal.close()


if __name__ == "__main__":
    leave(main())
