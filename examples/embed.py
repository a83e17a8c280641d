"""Both ends of a call in an application that has its own connections and its own signaling."""

import asyncio
import sys

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from av import VideoFrame

from facewire import ice_configuration, receive_face, send_face

Signaling = asyncio.Queue[RTCSessionDescription]  # stands for the application's own


async def calling_end(camera: MediaStreamTrack, out: Signaling, into: Signaling, over: asyncio.Event) -> None:
    pc = RTCPeerConnection(ice_configuration())  # with nothing said, aiortc asks a public STUN server
    async with send_face(pc, camera):  # before the offer: adds three data channels and an H.264 track
        await pc.setLocalDescription()  # an offer
        await out.put(pc.localDescription)
        await pc.setRemoteDescription(await into.get())
        await over.wait()  # the face is sent until this block is left
    await pc.close()


async def answering_end(out: Signaling, into: Signaling, pictures: int) -> list[VideoFrame]:
    pc, shown = RTCPeerConnection(ice_configuration()), list[VideoFrame]()
    async with receive_face(pc) as face:  # before the offer is taken
        await pc.setRemoteDescription(await into.get())
        await pc.setLocalDescription()  # an answer
        await out.put(pc.localDescription)
        while len(shown) < pictures:
            frame = await face.track.recv()  # av.VideoFrame: keypoints or H.264, whichever carries the call
            print(f"{frame.width}x{frame.height} at {frame.time:.2f} s")
            shown.append(frame)
    await pc.close()
    return shown


async def main(clip: str, pictures: int) -> list[VideoFrame]:
    camera = MediaPlayer(clip).video  # a file, once; or any other aiortc video track
    assert camera is not None
    offers, answers, over = Signaling(), Signaling(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(calling_end(camera, offers, answers, over))
        shown = await answering_end(answers, offers, pictures)
        over.set()
    camera.stop()
    return shown


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], pictures=50))
