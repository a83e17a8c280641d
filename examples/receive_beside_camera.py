"""A face beside the application's own camera track and data channel on one connection, written side by side.

The calling end sends its camera as any WebRTC application does, the same camera as a face, and a greeting on a data
channel of its own. The answering end sends a camera too, and shows both pictures of the other end. The application's
track is never taken for the face's H.264: the sender says which track that is.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection
from aiortc.contrib.media import MediaPlayer, MediaRelay
from av import VideoFrame
from numpy.typing import NDArray

from codec.pictures.video import VideoWriter
from facewire import FaceReceiver, receive_face, send_face

SIDE = 256
SYNTHESIS = "Left a camera; right reconstructed by facewire: a synthesised picture, not a camera recording."


def square(frame: VideoFrame) -> NDArray[np.uint8]:
    """uint8 (SIDE, SIDE, 3) of any frame."""
    return np.array(frame.reformat(width=SIDE, height=SIDE, format="rgb24").to_ndarray(), np.uint8)


def beside(camera: VideoFrame, face: VideoFrame) -> NDArray[np.uint8]:
    """The camera's picture left, the face right: what is synthesised says so."""
    right = square(face)
    cv2.putText(right, "reconstructed", (8, SIDE - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    return np.hstack([square(camera), right])


async def connect(calling: RTCPeerConnection, answering: RTCPeerConnection) -> None:
    """What the application's signaling brings about."""
    await calling.setLocalDescription()
    await answering.setRemoteDescription(calling.localDescription)
    await answering.setLocalDescription()
    await calling.setRemoteDescription(answering.localDescription)


def listen(pc: RTCPeerConnection, greetings: asyncio.Queue[str]) -> None:
    """Hears of the application's own channel; what is labelled `facewire/` is not the application's."""

    @pc.on("datachannel")
    def on_channel(channel: RTCDataChannel) -> None:
        if channel.label == "greetings":
            channel.on("message", greetings.put_nowait)


async def picture_of(track: MediaStreamTrack) -> VideoFrame:
    """The next picture of a track that another end sends."""
    frame = await track.recv()
    assert isinstance(frame, VideoFrame)
    return frame


async def show(face: FaceReceiver, camera: MediaStreamTrack, *, output: Path, pictures: int) -> None:
    """Writes so many pictures of the face, each beside the newest of the camera."""
    newest = await picture_of(camera)

    async def follow_camera() -> None:
        nonlocal newest
        while True:
            newest = await picture_of(camera)

    with VideoWriter(output, comment=SYNTHESIS) as writer:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow_camera())
            while writer.frames < pictures:
                picture = await face.track.recv()
                assert picture.pts is not None
                writer.write(beside(newest, picture), pts=picture.pts)
            following.cancel()


def camera_of(clip: str) -> MediaStreamTrack:
    """A file that stands for a camera."""
    camera = MediaPlayer(clip).video
    assert camera is not None, "no video in it"
    return camera


async def run(clip: str, *, output: Path, pictures: int) -> str:
    """Both ends of one call; the greeting that came with it."""
    calling, answering = RTCPeerConnection(), RTCPeerConnection()
    camera, other_camera, relay = camera_of(clip), camera_of(clip), MediaRelay()
    calling.addTrack(relay.subscribe(camera))
    channel = calling.createDataChannel("greetings")
    channel.on("open", lambda: channel.send("hello"))
    own = answering.addTrack(other_camera)
    greetings: asyncio.Queue[str] = asyncio.Queue()
    listen(answering, greetings)
    async with send_face(calling, relay.subscribe(camera)), receive_face(answering) as face:
        await connect(calling, answering)
        # The other end's camera comes where ours goes. `pc.on("track")` tells of it, but of the face's H.264 as well.
        (place,) = (place for place in answering.getTransceivers() if place.sender is own)
        await show(face, place.receiver.track, output=output, pictures=pictures)
        greeting = await greetings.get()
    for pc in (calling, answering):
        await pc.close()
    for track in (camera, other_camera):
        track.stop()
    return greeting


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="A face beside a camera, over loopback.")
    parser.add_argument("clip", help="what both cameras show")
    parser.add_argument("output", type=Path, metavar="OUT.mp4")
    parser.add_argument("--pictures", type=int, default=100)
    options = parser.parse_args(arguments)
    greeting = asyncio.run(run(options.clip, output=options.output, pictures=options.pictures))
    print(f"{greeting}: {options.pictures} pictures in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
