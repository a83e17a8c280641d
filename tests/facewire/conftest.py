"""Real pictures and real connections for the tests of the front door."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from aiortc import RTCPeerConnection, VideoStreamTrack

SAMPLE = Path(__file__).parents[2] / "benchmarks" / "clips" / "data" / "sample.mp4"


class Film(VideoStreamTrack):
    """The bundled clip as a track, over and over; `shade` darkens it, to tell one film from another."""

    def __init__(self, *, shade: int = 0) -> None:
        super().__init__()
        with av.open(SAMPLE) as container:
            frames = [frame for frame, _ in zip(container.decode(video=0), range(20), strict=False)]
        self._pictures = itertools.cycle([frame.to_ndarray(format="rgb24") >> shade for frame in frames])

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(next(self._pictures), format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


async def connect(offering: RTCPeerConnection, answering: RTCPeerConnection) -> None:
    await offering.setLocalDescription()
    await answering.setRemoteDescription(offering.localDescription)
    await answering.setLocalDescription()
    await offering.setRemoteDescription(answering.localDescription)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def film() -> Callable[..., Film]:
    return Film


@pytest.fixture
def connected() -> Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[Any]]:
    return connect


@pytest.fixture
async def pair() -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection]]:
    """Two connections, closed at the end whatever happens."""
    both = RTCPeerConnection(), RTCPeerConnection()
    yield both
    for pc in both:
        await pc.close()
