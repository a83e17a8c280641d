"""Stage 6, transport, measured: two ends that send messages like those of a stream, and note how long they took.

`python -m benchmarks.network.forwarding.ends send|receive`, with `--signal` or `--sfu`, until it is told to stop. No
codec and no picture: what is measured is the transport alone. Both ends are on one machine, so there is one clock.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

from aiortc import RTCPeerConnection

from benchmarks.calls.ends import run_end
from signaling.call import connect_peer
from signaling.client import SignalingClient
from signaling.errors import PeerGone
from signaling.programs.ends import unless
from signaling.protocol.messages import KeyframeRequest, encode
from signaling.sfu.address import sfu_url
from signaling.sfu.publication import published
from signaling.sfu.rooms import TEXTROOM, VIDEOROOM, TextRoom, VideoRoom, key_of
from signaling.sfu.session import janus_session
from signaling.sfu.subscription import subscribed
from signaling.transport.channels import Channels
from signaling.transport.peer import accept_channels, ice_configuration, offer_channels

_ROOM = "messages"
_FRAME_S = 0.04
_MOTION_BYTES, _REFERENCE_BYTES = 60, 400
_REFERENCE_EACH_S = 0.64  # one and a half a second, as calm talk has them


@asynccontextmanager
async def directly(args: argparse.Namespace) -> AsyncIterator[Channels]:
    """The channels of a connection of its own, as calls have them."""
    sends = args.role == "send"
    async with await SignalingClient.connect(args.signal, room=_ROOM, role="sender" if sends else "receiver") as client:
        pc = RTCPeerConnection(ice_configuration())
        channels = offer_channels(pc) if sends else accept_channels(pc)
        call = await connect_peer(pc, client)
        ending = asyncio.create_task(call.ended())
        try:
            yield channels
        finally:
            ending.cancel()
            await call.close()


@asynccontextmanager
async def through_janus(args: argparse.Namespace) -> AsyncIterator[Channels]:
    """The channels of a stream that Janus forwards."""
    async with janus_session(sfu_url(args.sfu)) as session:
        if args.role == "send":
            async with published(session, _ROOM, ice=ice_configuration()) as publication:
                there = asyncio.Event()
                publication.wishes.watch(lambda wish: there.set())
                print("waiting", flush=True)
                await there.wait()
                yield publication.channels
            return
        video, text = await session.attach(VIDEOROOM), await session.attach(TEXTROOM)
        key = await key_of(video, _ROOM)
        room, wishes = VideoRoom(video, key), TextRoom(text, key)
        (feed,) = await room.feeds()
        async with subscribed(feed, room=room, wishes=wishes, ice=ice_configuration()) as subscription:
            subscription.channels.control.send(encode(KeyframeRequest("joined")))
            yield subscription.channels


async def send(channels: Channels, *, each_s: float) -> None:
    """Motion, and now and then a reference, until the connection ends; with a number, and the time at which it left."""
    number, reference_each = 0, max(1, round(_REFERENCE_EACH_S / each_s))
    while True:
        if channels.is_open:
            stamp = number.to_bytes(4, "big") + time.monotonic_ns().to_bytes(8, "big")
            try:
                channels.motion.send(stamp.ljust(_MOTION_BYTES, b"m"))
                if number % reference_each == 0:
                    channels.reference.send(stamp.ljust(_REFERENCE_BYTES, b"r"))
            except PeerGone:
                return
            number += 1
        await asyncio.sleep(each_s)


async def receive(channels: Channels, notes: TextIO) -> None:
    """Notes each message of motion: its number, when it left and when it came, in ns."""

    def came(data: bytes) -> None:
        number, sent_ns = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:12], "big")
        notes.write(f"{number} {sent_ns} {time.monotonic_ns()}\n")

    channels.motion.set_receiver(came)
    await asyncio.Event().wait()


async def run(args: argparse.Namespace, notes: TextIO | None) -> None:
    """One end, until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    async def work() -> None:
        if args.signal and args.role == "send":
            print("waiting", flush=True)
        async with (through_janus if args.sfu else directly)(args) as channels:
            print("connected", flush=True)
            await (send(channels, each_s=args.frames * _FRAME_S) if notes is None else receive(channels, notes))

    await unless(stopped, work())


def main(argv: Sequence[str] | None = None) -> int:
    """Sends or receives. Returns 0, or 2 after one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network.forwarding.ends", description="One end.")
    parser.add_argument("role", choices=("send", "receive"))
    parser.add_argument("--signal", default="", metavar="ws://HOST:PORT")
    parser.add_argument("--sfu", default="", metavar="janus:ws://HOST:PORT")
    parser.add_argument("--frames", type=int, default=4, metavar="N", help="at 25 a second, that a message stands for")
    parser.add_argument("--notes", default="/dev/null", metavar="FILE")
    args = parser.parse_args(argv)
    with Path(args.notes).open("w", encoding="ascii", buffering=1) as notes:
        return run_end(run(args, notes if args.role == "receive" else None), name=args.role)


if __name__ == "__main__":
    sys.exit(main())
