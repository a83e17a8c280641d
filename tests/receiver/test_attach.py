"""The public function on an application's own connection: a real aiortc loopback, with a video track beside it."""

import asyncio
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCRtpSender, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

from receiver import ReceiverOptions, receive_face
from receiver.figures.meter import Figures
from signaling.protocol.messages import KeyframeRequest, ModeSwitch, ReceiverReport
from signaling.transport.peer import offer_channels


async def connect(offering: RTCPeerConnection, answering: RTCPeerConnection) -> None:
    await offering.setLocalDescription(await offering.createOffer())
    await answering.setRemoteDescription(offering.localDescription)
    await answering.setLocalDescription(await answering.createAnswer())
    await offering.setRemoteDescription(answering.localDescription)


async def test_the_track_shows_h264_by_itself_when_no_keypoints_come(toys: Any) -> None:
    there, here = RTCPeerConnection(), RTCPeerConnection()
    sender = toys.Sender(offer_channels(there))
    transceiver = there.addTransceiver(VideoStreamTrack(), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType == "video/H264"])
    receiver = receive_face(here, ReceiverOptions(threads=1))
    metered: asyncio.Queue[Figures] = asyncio.Queue()
    receiver.watch_meter(metered.put_nowait)
    async with asyncio.timeout(60):
        await connect(there, here)
        running = asyncio.create_task(receiver.run())
        await sender.wait_for(KeyframeRequest)
        sender.say(ModeSwitch(mode="keypoints", pts=0))  # without Capabilities: a sender of version 0.1
        frames = [await receiver.track.recv() for _ in range(3)]
        sender.say(ModeSwitch(mode="h264", pts=0))
        await sender.wait_for(ReceiverReport)
        figures = await metered.get()
        while not figures["connection"]["in_bytes"] or figures["mode"] != "h264" or not figures["h264"]["fps"]:
            figures = await metered.get()
        await there.close()
        await receiver.close()
        await running
        await here.close()
    assert {(frame.width, frame.height) for frame in frames} == {(640, 480)}
    assert frames[0].pts < frames[1].pts < frames[2].pts
    assert figures["showing"] == "h264"
    with pytest.raises(MediaStreamError):
        await receiver.track.recv()
