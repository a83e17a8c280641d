"""Tests of embedding with the real codec: an application's track and connection in, a decodable face at the far end."""

import asyncio
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from aiortc import MediaStreamTrack, RTCPeerConnection

from codec import CodecConfig, CodedFrame, Decoder
from codec.bits.bitstream import VERSION
from codec.bits.packet import MotionMessage, ReferenceAssembler, ReferenceFragment
from codec.state.bundle import BundleCoder
from sender import SenderOptions, send_face
from signaling.protocol.messages import Capabilities, ModeSwitch, QualityReport, ReferenceReceived, decode, encode
from signaling.transport.peer import accept_channels

SAMPLE = Path(__file__).resolve().parents[2] / "benchmarks" / "clips" / "data" / "sample.mp4"
SIZE = 256


class HandTrack(MediaStreamTrack):
    """Gives the frames that the test puts in."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.frames: asyncio.Queue[av.VideoFrame] = asyncio.Queue()

    async def recv(self) -> av.VideoFrame:
        return await self.frames.get()


class FarEnd:
    """Channels at the receiver's side, decoding without any hurry."""

    def __init__(self, pc: RTCPeerConnection) -> None:
        self.channels = accept_channels(pc)
        self.decoder = Decoder(CodecConfig(size=SIZE))
        self._bundles = BundleCoder.of(CodecConfig().weights)
        self.held: asyncio.Queue[int] = asyncio.Queue()
        self.frames: asyncio.Queue[CodedFrame] = asyncio.Queue()
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self._assembler = ReferenceAssembler()
        self.channels.reference.set_receiver(self._on_reference)
        self.channels.motion.set_receiver(self._on_motion)
        self.channels.control.set_receiver(lambda data: self.said.put_nowait(decode(data)))

    def _on_reference(self, data: bytes) -> None:
        if (whole := self._assembler.add(ReferenceFragment.parse(data))) is not None:
            coded = CodedFrame.parse(whole)
            reference_id = self.decoder.add_reference(coded)
            self.channels.control.send(encode(ReferenceReceived(reference_id=reference_id, number=coded.number)))
            self.held.put_nowait(reference_id)

    def _on_motion(self, data: bytes) -> None:
        message = MotionMessage.parse(data)
        for frame in self._bundles.unpack(message.unit, count=message.count):
            self.frames.put_nowait(frame)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sample_frames(count: int) -> list[av.VideoFrame]:
    with av.open(SAMPLE) as container:
        return [frame for frame, _ in zip(container.decode(video=0), range(count), strict=False)]


def psnr_db(image: Any, frame: av.VideoFrame) -> float:
    truth = frame.reformat(width=SIZE, height=SIZE).to_ndarray(format="rgb24").astype(float)
    return float(10 * np.log10(255**2 / np.mean((image - truth) ** 2)))


async def test_a_face_arrives_over_an_applications_connection() -> None:
    near_pc, far_pc = RTCPeerConnection(), RTCPeerConnection()
    track = HandTrack()
    sender = send_face(near_pc, track, SenderOptions(size=SIZE, bundle=1))
    far = FarEnd(far_pc)
    await near_pc.setLocalDescription()
    await far_pc.setRemoteDescription(near_pc.localDescription)
    await far_pc.setLocalDescription()
    await near_pc.setRemoteDescription(far_pc.localDescription)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(sender.run())
        for number, frame in enumerate(sample_frames(3)):
            await track.frames.put(frame)
            coded = await far.frames.get()
            if number == 0:
                await far.held.get()
            assert psnr_db(far.decoder.decode(coded), frame) > 24
        said = [await far.said.get() for _ in range(3)]
        assert isinstance(said[0], Capabilities)
        assert (said[0].end, said[0].bitstreams, said[0].sizes) == ("sender", (VERSION,), (SIZE,))
        assert said[0].h264_mid == "0"
        assert isinstance(said[1], ModeSwitch)
        assert said[1].mode == "keypoints"
        report = said[2]
        assert isinstance(report, QualityReport)
        assert report.keypoints_psnr_db is not None
        assert report.keypoints_psnr_db > 24
        await sender.close()
        await running
    await near_pc.close()
    await far_pc.close()
