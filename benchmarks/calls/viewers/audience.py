"""Stages 6 and 7, an audience: viewers in one process that receive, acknowledge and report, and decode nothing.

`python -m benchmarks.calls.viewers.audience --signal ws://... --room NAME --viewers 7`, until it is told to stop. With
`--churn-s` the last of them leaves after so many seconds and comes back, again and again.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from aiortc import RTCPeerConnection

from benchmarks.calls.ends import run_end
from codec import CodedFrame
from codec.bits.packet import ReferenceAssembler, ReferenceFragment
from codec.sound import SoundMessage
from receiver.figures.arrivals import Arrivals
from signaling import SignalingClient, accept_channels, connect_peer, ice_configuration
from signaling.programs.ends import unless
from signaling.protocol.capabilities import ARRIVALS, PROTOCOL, SOUND
from signaling.protocol.messages import Capabilities, KeyframeRequest, Message, ReceiverReport, ReferenceReceived
from signaling.transport.channels import Channels
from signaling.transport.control import ControlChannel

_TICK_S, _TICKS_PER_REPORT = 0.1, 20


def now_us() -> int:
    """This process's clock."""
    return time.monotonic_ns() // 1000


class Viewer:
    """The receiving end of one call, as far as a sender can tell; `came` is given each message of motion.

    With `sound`, one that takes a voice too, and the motion that rides on it.
    """

    def __init__(self, channels: Channels, *, came: Callable[[bytes], None], sound: bool = False) -> None:
        self._arrivals = Arrivals(channels, now_us=now_us)
        self._assembler = ReferenceAssembler()
        self._messages = 0
        self._came = came
        self._features = (ARRIVALS, SOUND) if sound else (ARRIVALS,)
        self._control = ControlChannel(channels.control, now_us=now_us, heed=self._heed, on_peer=self._arrivals.meet)
        channels.control.set_receiver(self._control.receive)
        channels.reference.set_receiver(self._on_reference)
        channels.motion.set_receiver(self._on_motion)
        if sound and channels.sound is not None:
            channels.sound.set_receiver(self._on_sound)
        channels.control.set_state(self._on_state)

    async def run(self) -> None:
        """Reports, as receivers do, for as long as it is not cancelled."""
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1
            self._arrivals.tick()
            if self._control.is_open and ticks % _TICKS_PER_REPORT == 0:
                self._control.send(ReceiverReport(0.0, None, 25.0, 1.0, received_messages_motion=self._messages))

    def _on_state(self, is_open: bool) -> None:
        if is_open:
            self._control.send(Capabilities("receiver", "audience", PROTOCOL, features=self._features))
            self._control.send(KeyframeRequest("joined"))

    def _on_reference(self, data: bytes) -> None:
        whole = self._assembler.add(ReferenceFragment.parse(data))
        if whole is not None:
            coded = CodedFrame.parse(whole)
            assert coded.reference is not None
            self._control.send(ReferenceReceived(coded.reference.id, coded.number))

    def _on_motion(self, data: bytes) -> None:
        self._messages += 1
        self._came(data)

    def _on_sound(self, data: bytes) -> None:
        if motion := SoundMessage.parse(data).motion:
            self._on_motion(motion)

    def _heed(self, message: Message) -> bool:
        return True


async def watch(args: argparse.Namespace, *, churns: bool, arrived: Callable[[bytes], None]) -> None:
    """One viewer, in one call after the other. Raises SignalingError."""
    while True:
        async with await SignalingClient.connect(args.signal, room=args.room, role="receiver") as client:
            pc = RTCPeerConnection(ice_configuration())
            viewer = Viewer(accept_channels(pc), came=arrived)
            call = await connect_peer(pc, client)
            working = [asyncio.create_task(work) for work in (viewer.run(), call.ended())]
            await asyncio.wait(working, timeout=args.churn_s if churns else None, return_when=asyncio.FIRST_COMPLETED)
            for task in working:
                task.cancel()
            await call.close()
            if not churns:
                return


async def audience(args: argparse.Namespace) -> None:
    """All viewers, until SIGTERM or until the sender has gone. Raises SignalingError."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    seen: set[int] = set()

    def arrived(index: int, _: bytes) -> None:
        if index not in seen:
            seen.add(index)
            if len(seen) == args.viewers:
                print("all are there", flush=True)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for index in range(args.viewers):
                churns = bool(args.churn_s) and index == args.viewers - 1
                group.create_task(watch(args, churns=churns, arrived=partial(arrived, index)))

    await unless(stopped, all_of_them())


def main(argv: Sequence[str] | None = None) -> int:
    """Watches. Returns 0, or 2 after one line that says what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calls.viewers.audience", description="Watches undecoded."
    )
    parser.add_argument("--signal", required=True, metavar="ws://HOST:PORT")
    parser.add_argument("--room", required=True)
    parser.add_argument("--viewers", type=int, default=1, metavar="N")
    parser.add_argument(
        "--churn-s", type=float, default=0.0, metavar="S", help="the last leaves and comes back so often"
    )
    args = parser.parse_args(argv)
    return run_end(audience(args), name="audience")


if __name__ == "__main__":
    sys.exit(main())
