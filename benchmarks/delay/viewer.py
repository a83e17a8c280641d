"""Stages 6 to 10, as an application would embed them: a receiver that notes when each picture was shown.

`python -m benchmarks.delay.viewer --signal ws://... --room NAME --json METERS --pictures TIMES`, until it is told to
stop.
`python -m receiver` writes medians of a second; a distribution of delays needs every picture.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from aiortc import RTCPeerConnection

from benchmarks.flags import viewer_parser
from codec.errors import CodecError
from receiver import Picture, ReceiverError, ReceiverOptions, receive_face
from signaling import SignalingClient, SignalingError, connect_peer, ice_configuration


class Notes:
    """Two files of JSON lines: the meter's figures, and `pts` and `shown_us` of each picture."""

    def __init__(self, meters: IO[str], pictures: IO[str]) -> None:
        self._meters = meters
        self._pictures = pictures
        self._has_begun = False

    def picture(self, picture: Picture) -> None:
        """Notes one picture, and says when it is the first."""
        self._pictures.write(json.dumps({"pts": picture.pts, "shown_us": picture.shown_us}) + "\n")
        if not self._has_begun:
            self._has_begun = True
            print("first picture", flush=True)

    def meter(self, figures: dict[str, object]) -> None:
        """Notes one second."""
        self._meters.write(json.dumps(figures) + "\n")
        self._meters.flush()


async def view(args: argparse.Namespace, notes: Notes) -> None:
    """One call, until SIGTERM or until the sender has gone. Raises SignalingError, CodecError."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with await SignalingClient.connect(args.signal, room=args.room, role="receiver") as client:
        pc = RTCPeerConnection(ice_configuration())
        receiver = receive_face(pc, ReceiverOptions(size=args.size))
        receiver.watch(notes.picture)
        receiver.watch_meter(notes.meter)
        receiver.prepare()
        call = await connect_peer(pc, client)
        try:
            tasks = [asyncio.create_task(work) for work in (receiver.run(), call.ended(), stopped.wait())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await receiver.close()
            await tasks[0]
            for task in tasks[1:]:
                task.cancel()
        finally:
            await call.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Receives one call. Returns 0, or 2 after one line that says what is wrong."""
    parser = viewer_parser("benchmarks.delay.viewer", about="Notes when pictures are shown.")
    parser.add_argument("--pictures", type=Path, required=True, metavar="FILE", help="where the times go")
    args = parser.parse_args(argv)
    try:
        with args.json.open("w", encoding="utf-8") as meters, args.pictures.open("w", encoding="utf-8") as pictures:
            asyncio.run(view(args, Notes(meters, pictures)))
    except (SignalingError, ReceiverError, CodecError, OSError) as error:
        print(f"viewer: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
