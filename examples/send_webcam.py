"""Sends a webcam, or a video file, to a room of a signaling server, where `facewire receive` shows it.

facewire signal
facewire receive --room blue
python examples/send_webcam.py --room blue --input /dev/video0
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.contrib.media import MediaPlayer

from facewire import (
    CodecError,
    FaceSender,
    SenderError,
    SignalingClient,
    SignalingError,
    connect_peer,
    ice_configuration,
    send_face,
)


def camera_track(source: str) -> MediaStreamTrack:
    """A camera of Linux by its device, or any file that PyAV reads. Raises OSError for what cannot be opened."""
    if source.startswith("/dev/"):
        player = MediaPlayer(source, format="v4l2", options={"video_size": "640x480", "framerate": "30"})
    else:
        player = MediaPlayer(source)
    if player.video is None:
        raise OSError(f"{source}: no video in it")
    return player.video


async def send(face: FaceSender, pc: RTCPeerConnection, client: SignalingClient) -> str:
    """Waits for a receiver and sends until the source ends or the receiver goes; says which it was."""
    face.watch_meter(lambda figures: print(f"{figures['mode']}: {figures['keypoints']['payload_kbps']:.1f} kbps"))
    call = await connect_peer(pc, client)

    async def heed_the_room() -> None:
        await face.close(await call.ended())  # the receiver hung up, or left the room

    async with asyncio.TaskGroup() as group:
        heeding = group.create_task(heed_the_room())
        await face.run()
        heeding.cancel()
    await call.close()
    return face.ended


async def run(options: argparse.Namespace) -> str:
    """One call."""
    camera = camera_track(options.input)
    try:
        client = await SignalingClient.connect(
            options.signal, room=options.room, role="sender", token=options.token, news=print
        )
        async with client:
            pc = RTCPeerConnection(ice_configuration(stun=options.stun))
            return await send(send_face(pc, camera), pc, client)
    finally:
        camera.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="Sends one face to one room.")
    parser.add_argument("--signal", default="ws://127.0.0.1:8765", help="the signaling server")
    parser.add_argument("--room", default="facewire", help="where to meet the receiver")
    parser.add_argument("--token", default=os.environ.get("FACEWIRE_TOKEN", ""), help="the server's, if it wants one")
    parser.add_argument("--stun", action="append", default=[], help="stun:HOST:PORT, where NAT is in the way")
    parser.add_argument("--input", default="/dev/video0", help="a camera's device, or a video file")
    options, status = parser.parse_args(arguments), 0
    try:
        print(asyncio.run(run(options)))
    except* (SignalingError, SenderError, CodecError, OSError) as errors:
        print(f"send_webcam: {errors.exceptions[0]}", file=sys.stderr)
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
