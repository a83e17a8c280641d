"""One camera for several viewers, in an application that has its own connections and its own signaling."""

import asyncio
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from av import VideoFrame

from facewire import FaceBroadcast, broadcast_face, ice_configuration, receive_face

Signaling = asyncio.Queue[RTCSessionDescription]  # stands for the application's own


async def show_to(broadcast: FaceBroadcast, name: str, out: Signaling, into: Signaling) -> None:
    """One more viewer, at any time: a connection of its own, and the same coded frames as all others."""
    pc = RTCPeerConnection(ice_configuration())
    viewer = broadcast.attach(pc, name=name)  # before the offer: adds three data channels
    await pc.setLocalDescription()  # an offer
    await out.put(pc.localDescription)
    await pc.setRemoteDescription(await into.get())
    print(f"{name}: {await viewer.wait()}")  # until it leaves
    await pc.close()


async def viewing_end(out: Signaling, into: Signaling, pictures: int) -> list[VideoFrame]:
    pc = RTCPeerConnection(ice_configuration())
    async with receive_face(pc) as face:  # before the offer is taken
        await pc.setRemoteDescription(await into.get())
        await pc.setLocalDescription()  # an answer
        await out.put(pc.localDescription)
        shown = [await face.track.recv() for _ in range(pictures)]
    await pc.close()
    return shown


async def main(clip: str, viewers: int, pictures: int) -> list[list[VideoFrame]]:
    camera = MediaPlayer(clip, loop=True).video  # or any other aiortc video track
    assert camera is not None
    async with broadcast_face(camera) as broadcast, asyncio.TaskGroup() as group:
        ends = []
        for index in range(viewers):
            offers, answers = Signaling(), Signaling()
            group.create_task(show_to(broadcast, f"viewer {index}", offers, answers))
            ends.append(group.create_task(viewing_end(answers, offers, pictures)))
    camera.stop()
    return [end.result() for end in ends]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], viewers=3, pictures=50))
