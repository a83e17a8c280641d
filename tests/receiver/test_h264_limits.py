"""Tests of what a stranger's H.264 can take: pixels, bytes and time are bounded, and an end drops what waits."""

import asyncio
import itertools
import threading
from collections import Counter
from fractions import Fraction
from functools import cache
from typing import Any

import av
import pytest
from aiortc import RTCPeerConnection, RTCRtpSender, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

from receiver.h264.fallback import FallbackSource
from receiver.h264.h264 import MAX_CODED, MAX_CODED_BYTES, MAX_FRAMES, MAX_PIXELS, H264Track
from receiver.picture import Picture
from receiver.receive import FaceReceiver
from signaling.transport.connection import close_connection
from signaling.transport.peer import accept_channels


@cache
def coded(width: int, height: int, count: int = 3) -> tuple[bytes, ...]:
    """Pictures in Annex B, the first a key picture with its parameters."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "annexb=1:repeat-headers=1"}
    pictures = []
    for number in range(count):
        frame = av.VideoFrame(width, height, "yuv420p")
        frame.pts = number
        for plane in frame.planes:
            plane.update(bytes([40 * number % 240]) * plane.buffer_size)
        pictures.append(b"".join(bytes(packet) for packet in encoder.encode(frame)))
    return tuple(pictures)


class Taking:
    """A track, what it counted, and how often it asked for a key picture."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.gaps = 0
        self.asked = asyncio.Event()
        self.track = H264Track(counts=self.counts, gap=self._gap)

    def _gap(self) -> None:
        self.gaps += 1
        self.asked.set()

    def take(self, pictures: tuple[bytes, ...], *, first: int = 0) -> None:
        for number, data in enumerate(pictures, first):
            self.track.take(data, pts=3600 * number)

    async def end(self) -> None:
        self.track.stop()
        await self.track.joined()
        assert not any(thread.name == "facewire-h264" for thread in threading.enumerate())


async def test_pictures_come_out_with_their_times() -> None:
    taking = Taking()
    taking.take(coded(64, 48))
    taking.track.begin()
    frames = [await taking.track.recv() for _ in range(3)]
    assert [(frame.width, frame.height, frame.pts) for frame in frames] == [(64, 48, 3600 * n) for n in range(3)]
    await taking.end()


@pytest.mark.parametrize(("width", "height"), [(1920, 1104), (1104, 1920), (8192, 256)])
async def test_a_picture_of_too_many_pixels_is_refused_and_the_next_of_a_size_is_shown(width: int, height: int) -> None:
    assert width * height > MAX_PIXELS
    taking = Taking()
    taking.track.begin()
    taking.take(coded(width, height))
    while taking.counts["h264_malformed"] < 3:
        taking.asked.clear()
        await taking.asked.wait()
    taking.take(coded(64, 48), first=3)
    assert (await taking.track.recv()).pts == 3 * 3600
    assert taking.gaps >= 3
    await taking.end()


async def test_the_largest_size_is_shown() -> None:
    taking = Taking()
    taking.track.begin()
    taking.take(coded(1920, 1088, 1))
    assert (await taking.track.recv()).height == 1088
    await taking.end()


async def test_what_is_not_decoded_in_time_gives_way_until_the_next_key_picture() -> None:
    key, *others = coded(64, 48, MAX_CODED + 3)
    taking = Taking()
    taking.take((key, *others))
    assert taking.counts["h264_dropped"] == MAX_CODED + 3
    assert taking.gaps == 3
    taking.take((key, others[0]), first=500)
    taking.track.begin()
    assert [(await taking.track.recv()).pts for _ in range(2)] == [500 * 3600, 501 * 3600]
    await taking.end()


async def test_what_waits_is_bounded_in_bytes() -> None:
    taking = Taking()
    for number in range(40):
        taking.track.take(b"\0\0\0\1\x65" + bytes(MAX_CODED_BYTES // 4), pts=number)
        assert taking.track._coded_bytes <= MAX_CODED_BYTES
        assert sum(len(data) for data, _ in taking.track._coded) == taking.track._coded_bytes
    taking.track.take(b"\0\0\0\1\x65" + bytes(2 * MAX_CODED_BYTES), pts=99)
    assert taking.counts["h264_dropped"] >= 36
    await taking.end()


async def test_frames_that_nobody_fetches_are_not_kept() -> None:
    taking = Taking()
    taking.take(coded(64, 48, 40))
    handed = asyncio.Event()
    hand_over = taking.track._hand_over

    def watched(frames: list[av.VideoFrame]) -> None:
        hand_over(frames)
        if frames[-1].pts == 39 * 3600:
            taking.track._owner.call_soon_threadsafe(handed.set)

    taking.track._hand_over = watched  # type: ignore[method-assign]
    taking.track.begin()
    await handed.wait()
    assert taking.counts["h264_late"] == 40 - MAX_FRAMES
    assert (await taking.track.recv()).pts == (40 - MAX_FRAMES) * 3600
    await taking.end()


async def test_an_end_drops_what_waits() -> None:
    taking = Taking()
    taking.take(coded(64, 48))
    waiting = asyncio.create_task(taking.track.recv())
    await asyncio.sleep(0)
    taking.track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    taking.take(coded(64, 48))
    taking.track.begin()
    await taking.end()
    assert taking.track._coded_bytes == 0


class Coded(VideoStreamTrack):
    """Sends coded pictures over a connection, over and over: too large ones and others."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = itertools.cycle(coded(1920, 1104) + coded(64, 48))

    async def recv(self) -> Any:
        packet = av.Packet(next(self._pictures))
        packet.pts, packet.time_base = await self.next_timestamp()
        packet.dts = packet.pts
        return packet


async def test_nothing_that_a_stranger_sends_beside_is_decoded(toys: Any) -> None:
    """A sound, a second video and pictures without end: the receiver's own program takes the first video alone."""
    here, there = RTCPeerConnection(), RTCPeerConnection()
    there.addTrack(AudioStreamTrack())
    for _ in range(2):
        transceiver = there.addTransceiver(Coded(), direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType == "video/H264"])
    fallback = FallbackSource(here, alone=True)
    receiver = FaceReceiver(accept_channels(here), fallback=fallback, decoder=toys.Decoder())
    shown: asyncio.Queue[Picture] = asyncio.Queue()
    receiver.watch(shown.put_nowait)
    await there.setLocalDescription()
    await here.setRemoteDescription(there.localDescription)
    await here.setLocalDescription()
    await there.setRemoteDescription(here.localDescription)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(receiver.run())
        for _ in range(4):
            assert (await shown.get()).rgb().shape == (48, 64, 3)
        # aiortc itself has decoded nothing: not the sound, not the other video, not the large pictures.
        assert [transceiver.receiver.track._queue.qsize() for transceiver in here.getTransceivers()] == [0, 0, 0]
        assert fallback.counts["h264_malformed"] > 0
        await receiver.close()
        await running
    for pc in (here, there):
        await close_connection(pc)
    assert not any("decoder" in thread.name or "h264" in thread.name for thread in threading.enumerate())
