"""Stages 6 and 7, an audience behind Janus: viewers in one process that receive and report, and decode nothing.

`python -m benchmarks.calls.sfu.audience --sfu janus:ws://... --room NAME --viewers 8 --json FILE`, until it is told to
stop. FILE gets a line a second: what came to all of them, and what they sent, as IP packets.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from aiortc import RTCPeerConnection

from benchmarks.calls.ends import run_end
from signaling.errors import PeerGone
from signaling.programs.ends import unless
from signaling.protocol.messages import Capabilities, KeyframeRequest, ReceiverReport, encode
from signaling.sfu.address import sfu_url
from signaling.sfu.rooms import TEXTROOM, VIDEOROOM, TextRoom, VideoRoom, key_of
from signaling.sfu.session import janus_session
from signaling.sfu.subscription import Subscription, subscribed
from signaling.transport.insides.sockets import wire_count
from signaling.transport.peer import ice_configuration

_TELL_S = 1.0


class Viewer:
    """One of them: asks for a keyframe, reports, and counts what comes."""

    def __init__(self, subscription: Subscription, *, came: Callable[[], None]) -> None:
        self.messages = 0
        self._control, self._came = subscription.channels.control, came
        for channel in (subscription.channels.reference, subscription.channels.motion):
            channel.set_receiver(self._on_message)
        self._control.set_receiver(lambda data: None)
        self._control.send(encode(Capabilities("receiver", "audience")))
        self._control.send(encode(KeyframeRequest("joined")))

    async def run(self) -> None:
        """Reports as receivers do, for as long as it is not cancelled; how few of them go, is not decided here."""
        while True:
            await asyncio.sleep(2 * _TELL_S)
            self._control.send(encode(ReceiverReport(0.0, None, 25.0, 1.0)))

    def _on_message(self, data: bytes) -> None:
        self.messages += 1
        self._came()


class Audience:
    """All of them."""

    def __init__(self, args: argparse.Namespace, lines: TextIO) -> None:
        self._args, self._lines = args, lines
        self._seen: set[int] = set()
        self._viewers: list[tuple[RTCPeerConnection, Viewer]] = []

    async def run(self) -> None:
        """Watches until it is cancelled. Raises SignalingError."""
        async with asyncio.TaskGroup() as group:
            for index in range(self._args.viewers):
                group.create_task(self._watch(index))
            group.create_task(self._tell())

    async def _watch(self, index: int) -> None:
        args = self._args
        async with janus_session(sfu_url(args.sfu)) as session:
            video, text = await session.attach(VIDEOROOM), await session.attach(TEXTROOM)
            key = await key_of(video, args.room)
            room, wishes = VideoRoom(video, key), TextRoom(text, key)
            (feed,) = await room.feeds()
            async with subscribed(feed, room=room, wishes=wishes, ice=ice_configuration()) as subscription:
                viewer = Viewer(subscription, came=partial(self._arrived, index))
                self._viewers.append((subscription.pc, viewer))
                reporting = asyncio.create_task(viewer.run())
                try:
                    raise PeerGone(await subscription.ended())
                finally:
                    reporting.cancel()

    def _arrived(self, index: int) -> None:
        if index not in self._seen:
            self._seen.add(index)
            if len(self._seen) == self._args.viewers:
                print("all are there", flush=True)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TELL_S)
            counts = [wire_count(pc) for pc, _ in self._viewers]
            said = {
                "time_s": time.monotonic(),
                "in_bytes": sum(count.in_bytes for count in counts),
                "out_bytes": sum(count.out_bytes for count in counts),
                "messages": sum(viewer.messages for _, viewer in self._viewers),
            }
            self._lines.write(json.dumps(said) + "\n")


async def watch(args: argparse.Namespace, lines: TextIO) -> None:
    """The audience, until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await unless(stopped, Audience(args, lines).run())


def main(argv: Sequence[str] | None = None) -> int:
    """Watches. Returns 0, or 2 after one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls.sfu.audience", description="Watches undecoded.")
    parser.add_argument("--sfu", required=True, metavar="janus:ws://HOST:PORT")
    parser.add_argument("--room", required=True)
    parser.add_argument("--viewers", type=int, default=1, metavar="N")
    parser.add_argument("--json", required=True, metavar="FILE")
    args = parser.parse_args(argv)
    with Path(args.json).open("w", encoding="utf-8", buffering=1) as lines:
        return run_end(watch(args, lines), name="audience")


if __name__ == "__main__":
    sys.exit(main())
