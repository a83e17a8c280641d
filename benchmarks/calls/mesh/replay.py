"""Stages 5 to 7, replayed ends: several in one process, whose pictures were coded before and who decode nothing.

`python -m benchmarks.calls.mesh.replay --signal ws://... --room NAME --stream FILE.fw --voice FILE.wav --json FILE`,
until it is told to stop. Each calls every end in the room but those of its own process, sends the stream over and over
at its own pace, and a voice, and acknowledges what it is sent. Each second a line of JSON says how many frames came.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from aiortc import RTCPeerConnection

from benchmarks.calls.ends import run_end
from benchmarks.calls.viewers.audience import Viewer, now_us
from codec import CodecConfig, CodecError, CodedFrame
from codec.bits.container import FileReader
from codec.bits.packet import MotionMessage
from codec.sound import SoundConfig
from codec.state.bundle import BundleCoder
from codec.units import PTS_PER_S
from sender import SenderError, SenderOptions
from sender.report import capabilities_of
from sender.sound import FileSound
from sender.sound.flow import SharedFlow
from sender.sound.voice import Voice
from sender.transmit import Transmitter
from signaling import SignalingClient, SignalingError, accept_channels, connect_peer, ice_configuration, offer_channels
from signaling.hall import Guest, Hall
from signaling.programs.ends import unless
from signaling.protocol.messages import Message, ModeSwitch, QualityReport
from signaling.transport.channels import Channels
from signaling.transport.control import ControlChannel

__all__ = ["Replay", "main", "recorded"]

_OPTIONS = SenderOptions(mode="keypoints")
_REPORT_S = 2.0

Recording = list[tuple[int, CodedFrame]]  # time stamps from the first one on, in 1/90000 s


def recorded(path: Path) -> Recording:
    """The frames of a .fw file. Raises CodecError, OSError."""
    with FileReader(path) as reader:
        return [(record.pts, CodedFrame.parse(record.data)) for record in reader]


def endless(recording: Recording) -> Iterator[tuple[int, CodedFrame]]:
    """The same again and again, on one time line: each round begins with a keyframe."""
    step = recording[1][0] - recording[0][0]
    length, begin = recording[-1][0] + step - recording[0][0], -recording[0][0]
    while True:
        for pts, coded in recording:
            reference = coded.reference
            if reference is not None and (opening := reference.opening) is not None:  # all else is stamped by it
                reference = replace(reference, opening=replace(opening, pts=opening.pts + begin))
            yield pts + begin, CodedFrame(coded.number, reference, coded.motion)
        begin += length


class Silent:
    """A meter that counts nothing."""

    def message(self, *, payload_bytes: int, message_bytes: int) -> None:
        pass


class Replay:
    """The sending end of one call, as far as a receiver can tell."""

    def __init__(self, channels: Channels, recording: Recording, voice: Voice) -> None:
        self._recording = recording
        self._sound = SharedFlow(voice, channels, bundle_ms=40 * _OPTIONS.bundle)
        self._control = ControlChannel(
            channels.control, now_us=now_us, heed=self._heed, on_peer=lambda peer: self._sound.meet(peer)
        )
        self._transmitter = Transmitter(
            channels,
            bundle=_OPTIONS.bundle,
            bundles=cache(partial(BundleCoder.of, CodecConfig().weights)),
            reference_bytes_per_s=_OPTIONS.reference_kbps * 125,
            meter=Silent(),
            clock=time.monotonic,
            lost_track=lambda: None,
            ride=self._sound.carry,
            rides=self._sound.is_leaving,
        )
        channels.control.set_receiver(self._control.receive)
        channels.control.set_state(self._on_state)

    async def run(self) -> None:
        """Sends, for as long as it is not cancelled."""
        wake, idle = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._transmitter.keep_pumping(wake=wake, idle=idle))
            group.create_task(self._sound.run())
            begun_s = time.monotonic()
            group.create_task(self._report(begun_s))
            for pts, coded in endless(self._recording):
                await asyncio.sleep(begun_s + pts / PTS_PER_S - time.monotonic())
                self._transmitter.send(coded)
                idle.clear()
                wake.set()

    async def _report(self, begun_s: float) -> None:
        while True:
            pts = round((time.monotonic() - begun_s) * PTS_PER_S)
            figures = {"pts_origin_us": round(begun_s * 1e6)}
            self._control.send(QualityReport(pts, None, None, "keypoints", figures))
            await asyncio.sleep(_REPORT_S)

    def _on_state(self, is_open: bool) -> None:
        if is_open:
            self._control.send(capabilities_of(_OPTIONS, h264_mid=None))
            self._control.send(ModeSwitch("keypoints", 0))

    def _heed(self, message: Message) -> bool:
        return True


class Ends:
    """All ends of this process, and what came to each."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._recording = recorded(args.stream)
        self._voice = Voice(FileSound(args.voice, loop=True), SoundConfig())
        self._own: set[str] = set()
        self.frames = [0] * args.ends

    async def run(self) -> None:
        """Meets whoever is in the room. Raises SignalingError, SenderError."""
        clients = [
            await SignalingClient.connect(
                self._args.signal, room=self._args.room, role="equal", viewers=self._args.ends
            )
            for _ in range(self._args.ends)
        ]
        self._own = {client.end for client in clients}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._voice.run())
            group.create_task(self._tell())
            for index, client in enumerate(clients):
                group.create_task(Hall(client).run(partial(self._serve, index)))

    async def _serve(self, index: int, guest: Guest) -> None:
        while guest.peer:
            if guest.name in self._own:
                await anext(guest)
            else:
                await self._call(index, guest)

    async def _call(self, index: int, guest: Guest) -> None:
        pc = RTCPeerConnection(ice_configuration())
        replay = Replay(offer_channels(pc, sound=True), self._recording, self._voice)
        viewer = Viewer(accept_channels(pc), came=partial(self._came, index), sound=True)
        if guest.role == "sender":
            pc.addTransceiver("video", direction="recvonly")  # a place for what the other end may have
        call = await connect_peer(pc, guest)
        working = [asyncio.create_task(work) for work in (replay.run(), viewer.run(), call.ended())]
        await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        for task in working:
            task.cancel()
        await call.close()

    def _came(self, index: int, data: bytes) -> None:
        self.frames[index] += MotionMessage.parse(data).count

    async def _tell(self) -> None:
        with self._args.json.open("a", encoding="utf-8") as lines:
            while True:
                await asyncio.sleep(1.0)
                lines.write(json.dumps({"time_s": time.monotonic(), "frames": self.frames}) + "\n")
                lines.flush()


async def _run(args: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await unless(stopped, Ends(args).run())


def main(argv: Sequence[str] | None = None) -> int:
    """Replays. Returns 0, or 2 after one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls.mesh.replay", description="Replays a stream.")
    parser.add_argument("--signal", required=True, metavar="ws://HOST:PORT")
    parser.add_argument("--room", required=True)
    parser.add_argument("--ends", type=int, default=3, metavar="N")
    parser.add_argument("--stream", required=True, type=Path, metavar="FILE.fw")
    parser.add_argument("--voice", required=True, type=Path, metavar="FILE")
    parser.add_argument("--json", required=True, type=Path, metavar="FILE", help="where counts go, each second")
    args = parser.parse_args(argv)
    return run_end(_run(args), name="replay", refusals=(SignalingError, SenderError, CodecError, OSError))


if __name__ == "__main__":
    sys.exit(main())
