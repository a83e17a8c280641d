"""Stages 6 to 10, as an application would embed them: a receiver that keeps what was shown and heard, and when.

`python -m benchmarks.calls.sync.viewer --signal ws://... --room NAME --json METERS --kept FILE.npz`, until it is told
to stop.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError

from benchmarks.calls.sync.loss import lose
from benchmarks.calls.sync.marks import GRID, reduced
from benchmarks.errors import BenchmarkError
from benchmarks.flags import viewer_parser
from codec.errors import CodecError
from receiver import Picture, ReceiverError, ReceiverOptions, receive_face
from signaling import SignalingClient, SignalingError, connect_peer, ice_configuration


class Kept:
    """What was shown and heard; sound is heard when its block is due, as by a device that has never to wait."""

    def __init__(self, meters: IO[str]) -> None:
        self._meters = meters
        self._shown_us: list[int] = []
        self._greys: list[Any] = []
        self._heard: list[Any] = []
        self._heard_from_us = 0

    def picture(self, picture: Picture) -> None:
        """Keeps one picture, and says when it is the first."""
        if not self._greys:
            print("first picture", flush=True)
        self._shown_us.append(picture.shown_us)
        self._greys.append(reduced(picture.rgb()))

    def meter(self, figures: dict[str, object]) -> None:
        """Notes one second."""
        self._meters.write(json.dumps(figures) + "\n")
        self._meters.flush()

    async def hear(self, track: MediaStreamTrack) -> None:
        """Reads a sound track to its end."""
        self._heard_from_us = round(asyncio.get_running_loop().time() * 1e6)
        try:
            while True:
                frame: Any = await track.recv()
                self._heard.append(frame.to_ndarray()[0])
        except MediaStreamError:
            return

    def write(self, path: Path) -> None:
        """All of it as one file of arrays."""
        np.savez(
            path,
            shown_us=np.array(self._shown_us, np.int64),
            greys=np.array(self._greys, np.uint8).reshape(-1, GRID, GRID),
            heard=np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16),
            heard_from_us=np.int64(self._heard_from_us),
        )


async def view(args: argparse.Namespace, kept: Kept) -> None:
    """One call, until SIGTERM or until the sender has gone. Raises SignalingError, CodecError, SettingError."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with await SignalingClient.connect(args.signal, room=args.room, role="receiver") as client:
        pc = RTCPeerConnection(ice_configuration())
        receiver = receive_face(pc, ReceiverOptions(size=args.size, sound=True))
        receiver.watch(kept.picture)
        receiver.watch_meter(kept.meter)
        receiver.prepare()
        call = await connect_peer(pc, client)
        try:
            if args.loss:
                lose(pc, part=args.loss, seed=args.seed)
            async with asyncio.TaskGroup() as group:
                works = (receiver.run(), call.ended(), stopped.wait())
                tasks = [group.create_task(work) for work in works]
                group.create_task(kept.hear(receiver.sound_track))
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                await receiver.close()
                for task in tasks[1:]:
                    task.cancel()
        finally:
            await call.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Receives one call. Returns 0, or 2 after one line that says what is wrong."""
    parser = viewer_parser("benchmarks.calls.sync.viewer", about="Keeps what comes, and when.")
    parser.add_argument("--loss", type=float, default=0.0, metavar="PART", help="of the packets, each way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kept", type=Path, required=True, metavar="FILE.npz", help="where the rest goes")
    args = parser.parse_args(argv)
    failed = False
    try:
        with args.json.open("w", encoding="utf-8") as meters:
            kept = Kept(meters)
            asyncio.run(view(args, kept))
            kept.write(args.kept)
    except* (SignalingError, ReceiverError, CodecError, BenchmarkError, OSError) as errors:
        print(f"viewer: {errors.exceptions[0]}", file=sys.stderr)
        failed = True
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
