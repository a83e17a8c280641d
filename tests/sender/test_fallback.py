"""Tests of the H.264 fallback: the stream, its rate, its packets in RTP, and the track."""

import asyncio
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.codecs.h264 import H264Encoder as Packetiser
from aiortc.mediastreams import MediaStreamError
from av.video.reformatter import VideoReformatter

from codec.pictures.crop import Crop
from sender.capture import Picture
from sender.h264 import fallback
from sender.h264.fallback import FallbackTrack, H264Encoder, H264Picture, H264Worker, add_h264_track
from signaling.transport.insides.internals import limit_packets

SIZE = 128


def scene(number: int, *, size: int = SIZE) -> Any:
    """A shaded picture with a moving disc: some detail, some motion."""
    y, x = np.mgrid[0:size, 0:size]
    disc = (x - size / 2 - 20 * np.sin(number / 5)) ** 2 + (y - size / 2) ** 2 < (size / 4) ** 2
    image = np.stack([x + 40 * disc, y + 80 * disc, 128 + 60 * np.sin(x / 3) * disc], axis=-1)
    return np.clip(image, 0, 255).astype(np.uint8)


def code(encoder: H264Encoder, frames: int, *, step: int = 3600, keys: tuple[int, ...] = ()) -> list[H264Picture]:
    return [encoder.encode(scene(n), pts=n * step, force_key=n in keys) for n in range(frames)]


def unit_types(data: bytes) -> list[int]:
    return [unit[0] & 31 for unit in data.split(b"\0\0\0\1") if unit]


@pytest.mark.parametrize("kbps", [15.0, 30.0, 100.0])
def test_it_keeps_the_rate(kbps: float) -> None:
    coded = code(H264Encoder(size=SIZE, kbps=kbps), 100)
    measured = sum(8 * len(picture.data) for picture in coded) / 4 / 1000
    assert 0.3 * kbps < measured < 1.15 * kbps


def test_each_picture_comes_out_at_once_and_more_bits_are_better() -> None:
    low = code(H264Encoder(size=SIZE, kbps=15), 50)
    high = code(H264Encoder(size=SIZE, kbps=80), 50)
    assert all(picture.data and picture.psnr_db > 15 for picture in low + high)
    mean = [sum(picture.psnr_db for picture in coded[10:]) / 40 for coded in (low, high)]
    assert mean[1] > mean[0] + 1


def test_no_thread_is_made_for_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame's own converter makes two for each, and each brings memory along that is not given back."""
    converters, threads = list[int](), list[int | None]()

    class Converter:
        def __init__(self) -> None:
            self._converter = VideoReformatter()
            converters.append(len(converters))

        def reformat(self, frame: av.VideoFrame, **more: Any) -> av.VideoFrame:
            threads.append(more.get("threads"))
            return self._converter.reformat(frame, **more)

    monkeypatch.setattr(fallback, "VideoReformatter", Converter)
    code(H264Encoder(size=SIZE, kbps=60), 5)
    assert (len(converters), threads) == (2, [1] * 10), "one way and back for each picture"


def test_key_pictures_are_decodable_alone_and_come_only_when_asked_for() -> None:
    coded = code(H264Encoder(size=SIZE, kbps=60), 40, keys=(20, 21))
    assert [n for n, picture in enumerate(coded) if picture.is_key] == [0, 20, 21]
    assert unit_types(coded[20].data) == [7, 8, 5], "parameter sets, one picture, no advertising"
    assert all(unit_types(picture.data) == [1] for picture in coded[22:])
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    shown = [len(decoder.decode(av.Packet(picture.data))) for picture in coded[20:]]
    assert shown == [1] * 20


def test_the_profile_is_constrained_baseline() -> None:
    sequence = code(H264Encoder(size=SIZE, kbps=60), 1)[0].data.split(b"\0\0\0\1")[1]
    assert sequence[1] == 66
    assert sequence[2] & 0x40, "constraint_set1_flag"


def test_its_own_psnr_is_that_of_any_decoder() -> None:
    coded = code(H264Encoder(size=SIZE, kbps=60), 10)
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    for number, picture in enumerate(coded):
        (frame,) = decoder.decode(av.Packet(picture.data))
        difference = frame.to_ndarray(format="rgb24").astype(float) - scene(number)
        assert picture.psnr_db == pytest.approx(10 * np.log10(255**2 / np.mean(difference**2)), abs=0.01)


def test_a_lower_frame_rate_gets_the_same_bits_after_a_while() -> None:
    coded = code(H264Encoder(size=SIZE, kbps=30), 100, step=11_250)  # 8 fps
    late = [picture for picture in coded if picture.pts > 6 * 90_000]
    seconds = (late[-1].pts - late[0].pts) / 90_000
    assert sum(8 * len(picture.data) for picture in late) / seconds / 1000 > 15
    assert sum(picture.is_key for picture in coded) == 2, "the first, and one where the rate was declared anew"


def test_a_second_stay_keeps_the_rate() -> None:
    encoder = H264Encoder(size=SIZE, kbps=30)
    code(encoder, 60)
    away = 60 * 3600 + 8 * 90_000
    stay = [encoder.encode(scene(n), pts=away + n * 3600, force_key=n == 0) for n in range(50)]
    assert sum(8 * len(picture.data) for picture in stay) / 2 / 1000 < 1.6 * 30
    assert [picture.is_key for picture in stay] == [True] + [False] * 49


def test_another_bitrate_is_taken_up_without_a_key_picture() -> None:
    encoder = H264Encoder(size=SIZE, kbps=60)
    noise = np.random.default_rng(1).integers(0, 60, (SIZE, SIZE, 3), np.uint8)

    def second(begin: int) -> float:
        coded = [encoder.encode(scene(n) // 2 + np.roll(noise, n, 0), pts=n * 3600) for n in range(begin, begin + 75)]
        assert not any(picture.is_key for picture in coded[1:])
        return sum(8 * len(picture.data) for picture in coded[25:]) / 2 / 1000

    high = second(0)
    encoder.set_kbps(20)
    assert second(75) < 0.6 * high


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_rtp_payloads_are_those_of_aiortcs_packetiser(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiortc.codecs.h264.PACKET_MAX", 1300)  # and back again
    assert limit_packets()
    encoder = H264Encoder(size=size, kbps=400)
    rng = np.random.default_rng(1)
    for number in range(6):
        image = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        coded = encoder.encode(image, pts=number * 3600, force_key=number == 3)
        packet = av.Packet(coded.data)
        packet.pts, packet.time_base = coded.pts, Fraction(1, 90_000)
        payloads, timestamp = Packetiser().pack(packet)
        assert coded.rtp_payloads == tuple(map(len, payloads))
        assert timestamp == coded.pts


async def test_the_worker_crops_and_codes() -> None:
    worker = H264Worker(size=64, kbps=50)
    picture = Picture(scene(0), 7200, 1.0)
    coded, stage_ms = await worker.encode(picture, Crop(64, 64, 100), force_key=False)
    worker.close()
    assert coded.is_key
    assert coded.pts == 7200
    assert set(stage_ms) == {"h264"}


def made_up(pts: int, *, key: bool = False) -> H264Picture:
    return H264Picture(b"\0\0\0\1x", pts, key, 30.0)


async def test_the_track_gives_packets_in_order_with_their_time() -> None:
    track = FallbackTrack()
    receiving = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    assert not receiving.done()
    track.deliver(made_up(900, key=True))
    track.deliver(made_up(4500))
    first, second = await receiving, await track.recv()
    assert (first.pts, first.time_base, first.is_keyframe) == (900, Fraction(1, 90_000), True)
    assert second.pts == 4500
    assert track.first_pts == 900


async def test_a_slow_transport_loses_whole_runs_and_a_key_picture_is_asked_for() -> None:
    asked: list[bool] = []
    track = FallbackTrack(on_overflow=lambda: asked.append(True))
    for number in range(9):
        track.deliver(made_up(number))
    assert asked == [True]
    assert track.dropped == 9
    track.deliver(made_up(10, key=True))
    assert (await track.recv()).pts == 10


async def test_stopping_the_track_wakes_who_waits() -> None:
    track = FallbackTrack()
    receiving = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await receiving


async def test_only_h264_is_offered() -> None:
    pc = RTCPeerConnection()
    track = add_h264_track(pc)
    assert track.mid is None, "nothing is negotiated yet"
    offer = await pc.createOffer()
    await pc.close()
    names = {line.split()[1].split("/")[0] for line in offer.sdp.splitlines() if line.startswith("a=rtpmap")}
    assert names == {"H264", "rtx"}
    assert "a=sendrecv" in offer.sdp, "the other end may send something in the same place"
