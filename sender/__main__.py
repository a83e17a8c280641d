"""Stage 1 to 6 as a program: python -m sender, one call after the other until it is told to stop."""

from codec.program.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from aiortc import RTCPeerConnection

from codec import CodecError
from codec.program.interrupts import leave
from sender.attach import make_sound, make_worker
from sender.broadcast.program import BroadcastProgram
from sender.capture import Capture
from sender.errors import OptionsError, SenderError
from sender.h264.fallback import add_h264_track
from sender.options import CallOptions, SenderOptions, parse_arguments
from sender.send import FaceSender
from sender.sfu.program import SfuProgram
from sender.sound.open import open_sound
from sender.sources import open_source
from sender.terminal import Display
from signaling.address import without_login
from signaling.call import Call, connect_peer, peer_present
from signaling.client import SignalingClient
from signaling.errors import MediaRefused, PeerGone, SignalingError
from signaling.programs.diary import log_to_stderr
from signaling.programs.ends import first_error, interrupts, time_is_over
from signaling.retries import Attempts, Retries, Sleep
from signaling.threads import Watch
from signaling.transport.insides.internals import connection_stats
from signaling.transport.peer import ice_configuration, offer_channels
from signaling.transport.silent import silent_channels

__all__ = ["main"]

_WAITING = "waiting for a receiver"


class Program:
    """One process: one source, one codec, and one receiver after the other."""

    def __init__(
        self,
        options: CallOptions,
        coding: SenderOptions,
        display: Display,
        *,
        retries: Retries | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Raises SourceError for what can be told before anything is opened."""
        self._retries, self._sleep = retries, sleep
        self._declining = ""  # the receiver that takes not all that is offered
        self._declined: frozenset[str] = frozenset()  # of "video" and "application" (channels)
        self._options = options
        self._coding = coding
        self._display = display
        source = open_source(options.input, loop=options.loop, follow=options.follow, stream=options.stream)
        self._capture = Capture(source)
        self._sound = open_sound(
            options.microphone, picture=options.input, begins=lambda: self._capture.epoch_s, loop=options.loop
        )
        self._worker = make_worker(coding)
        self._begun = asyncio.Event()  # the first receiver is there
        self._in_call = False

    async def run(self) -> None:
        """Runs until the source ends or the time is over. Raises SenderError, CodecError, SignalingError."""
        client = await self._enter()
        options = self._options
        try:
            await self._worker.warm()
            self._display.say(f"{self._capture.label} for room {options.room!r} at {without_login(options.signal)}")
            self._display.say(_WAITING)
            async with asyncio.TaskGroup() as group:
                calling = group.create_task(self._call_again_and_again(client))
                capturing = group.create_task(self._capture.run_after(self._begun))
                waits = {calling, capturing}
                if options.seconds:
                    waits.add(group.create_task(time_is_over(self._begun, options.seconds)))
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if capturing.done() and self._in_call:
                    await asyncio.wait({calling})  # the last pictures are on their way
                for task in waits:
                    task.cancel()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            self._worker.close()
            await client.close()

    async def _enter(self) -> SignalingClient:
        options = self._options
        return await SignalingClient.connect(
            options.signal,
            room=options.room,
            role="sender",
            token=options.token,
            ca=options.ca,
            news=self._display.say,
        )

    async def _call_again_and_again(self, client: SignalingClient) -> None:
        """One receiver after the other, as long as there is something to send."""
        attempts = Attempts(client, say=self._display.say, waiting=_WAITING, retries=self._retries, sleep=self._sleep)

        async def attempt() -> None:
            while True:
                try:
                    return await self._call_once(client, made=attempts.made)
                except MediaRefused as refused:
                    self._offer_less(client, refused)

        while not self._capture.ended:
            await attempts.make(attempt)

    def _offer_less(self, client: SignalingClient, refused: MediaRefused) -> None:
        """The next offer to this receiver leaves out what it declines. Raises PeerGone where no face remains."""
        declined = self._declined_by(client.peer) | refused.kinds
        useless = {"keypoints": {"application"}, "h264": {"video"}}.get(self._coding.mode, {"application", "video"})
        if useless <= declined:
            self._declined = frozenset()
            raise PeerGone(f"{refused}, and --mode {self._coding.mode} sends nothing else")
        self._declining, self._declined = client.peer, declined
        self._display.say(f"{refused}: it gets {'keypoints' if 'video' in declined else 'H.264'} alone")

    def _declined_by(self, peer: str) -> frozenset[str]:
        return self._declined if peer == self._declining else frozenset()

    async def _call_once(self, client: SignalingClient, *, made: Callable[[], None]) -> None:
        """Waits for a receiver and sends until one of the two ends; tells when the call is `made`."""
        options, coding = self._options, self._coding
        declined = self._declined_by(await peer_present(client))
        ice = ice_configuration(stun=options.stun, turn=options.turn)
        pc = RTCPeerConnection(ice)
        if "application" in declined:
            channels, coding = silent_channels(), replace(coding, mode="h264")
        else:
            channels = offer_channels(pc, sound=self._sound is not None)
        if "video" in declined:
            coding = replace(coding, mode="keypoints")
        video = add_h264_track(pc) if coding.mode != "keypoints" else None
        call = await connect_peer(pc, client, servers=ice.iceServers or ())
        call.news = self._display.say
        made()
        heard, say = self._sound if channels.hears else None, self._display.say
        sender = FaceSender(
            channels,
            self._capture,
            worker=self._worker,
            options=coding,
            video=video,
            sound=None if heard is None else make_sound(heard, channels, coding, news=say),
            stats=partial(connection_stats, pc),
            keeps=True,
        )
        call.probe = sender.probe
        try:
            sender.watch_meter(self._display.show)
            sender.watch_refusals(lambda reason: self._display.say(f"the receiver cannot read keypoints: {reason}"))
            sender.work.watch(self._display.say)
            self._display.say("a receiver is there")
            await self._send(sender, call)
        finally:
            self._in_call = False
            self._display.summary(sender.figures())
            await call.close()
        self._display.say(sender.ended + ("" if self._capture.ended else f"; {_WAITING}"))

    async def _send(self, sender: FaceSender, call: Call) -> None:
        self._in_call = True

        async def watch() -> None:
            reason = await call.ended()
            await sender.close(reason)

        async def begin() -> None:
            await sender.opened.wait()
            self._begun.set()

        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(watch()), group.create_task(begin())]
            await sender.run()
            for task in beside:
                task.cancel()


async def _run(options: CallOptions, coding: SenderOptions, display: Display, watch: Watch) -> None:
    """The program, with an orderly end on SIGINT and SIGTERM."""
    watch.tasks(asyncio.get_running_loop())
    task = asyncio.current_task()
    assert task is not None
    with interrupts(task.cancel):
        try:
            several = SfuProgram if options.sfu else BroadcastProgram
            program = Program if options.viewers == 1 and not options.sfu else several
            await program(options, coding, display).run()
        except asyncio.CancelledError:
            display.say("stopped")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sender; the exit status: 0, 2 for options and signaling, 1 for a source, codec or thread that fails."""
    options, coding = parse_arguments(arguments)
    log_to_stderr(options.log_level)
    try:
        display = Display(json_path=options.json, level=options.log_level)
    except OptionsError as error:
        print(f"facewire-send: {error}", file=sys.stderr)
        return 2
    with Watch(lambda text: display.fail(f"facewire-send: {text}")) as watch:
        try:
            asyncio.run(_run(options, coding, display, watch))
        except (OptionsError, SignalingError) as error:
            display.fail(f"facewire-send: {error}")
            return 2
        except (SenderError, CodecError) as error:
            display.fail(f"facewire-send: {error}")
            return 1
        finally:
            display.close()
    return int(watch.died)


if __name__ == "__main__":
    leave(main())
