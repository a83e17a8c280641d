"""Stage 4 and 8, for comparison: a clip through an ordinary video codec, picture by picture as a call would.

Rates are bytes of the elementary stream, headers included, but for what x264 and x265 write about themselves (600 and
2,300 bytes). Half the rate is every second picture, shown twice; half the side is pictures scaled by area averaging,
and what is decoded enlarged by Lanczos' window.
"""

import itertools
import re
import time
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from benchmarks.clips.clip import Clip, Pictures
from benchmarks.rate.anchors.coded_clip import CodedClip
from benchmarks.rate.anchors.setups import Anchor, AnchorPoint, Way, anchor
from codec.reference.schedules import restore_schedules, thread_schedules
from signaling.transport.costs import rtp_on_wire

H264_SEI = 6  # nal_unit_type, H.264 table 7-1
ONE_KEYFRAME = 100_000  # a group of pictures longer than any clip


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One packet out of an encoder."""

    data: bytes
    is_keyframe: bool


def without_supplements(packet: bytes) -> bytes:
    """An H.264 packet (Annex B) without its SEI, of which decoders need none: x264 writes 600 bytes about itself."""
    starts = [match.start() for match in re.finditer(rb"\x00?\x00\x00\x01", packet)]
    units = [packet[start:end] for start, end in itertools.pairwise([*starts, len(packet)])]
    return b"".join(unit for unit in units if unit[unit.index(1) + 1] & 0x1F != H264_SEI)


def _encoder(setup: Anchor, clip: Clip, crf: int) -> av.VideoCodecContext:
    context = av.CodecContext.create(setup.encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    rate = Fraction(clip.fps).limit_denominator(1001)
    context.width = context.height = clip.pictures.shape[1]
    context.pix_fmt = "yuv420p"
    context.framerate = rate
    context.time_base = 1 / rate
    context.bit_rate = 0
    context.gop_size = ONE_KEYFRAME
    context.max_b_frames = 0
    context.thread_count = 1
    context.options = {key: value.replace("{crf}", str(crf)) for key, value in setup.options.items()}
    return context


def encode(setup: Anchor, clip: Clip, *, crf: int) -> list[CodedPicture]:
    """A packet for each picture, which leaves before the next picture enters."""
    context = _encoder(setup, clip, crf)
    before = thread_schedules()
    context.open()
    restore_schedules(before)  # SVT-AV1, run as root, would make itself real-time and starve what is measured beside it
    coded = []
    for index, picture in enumerate(clip.pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = index
        packets = context.encode(frame)
        assert len(packets) == 1, f"{setup.encoder} gave {len(packets)} packets for picture {index}: no low delay"
        data = bytes(packets[0])
        data = without_supplements(data) if setup.encoder == "libx264" else data
        coded.append(CodedPicture(data, packets[0].is_keyframe))
    assert not context.encode(None)
    return coded


def decode(setup: Anchor, coded: list[CodedPicture]) -> Pictures:
    """The pictures again, as RGB."""
    context = av.CodecContext.create(setup.decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    frames: list[av.VideoFrame] = []
    for picture in coded:
        frames += context.decode(av.Packet(picture.data))
    frames += context.decode(None)
    return np.stack([frame.to_ndarray(format="rgb24") for frame in frames]).astype(np.uint8, copy=False)


def _scaled(pictures: Pictures, *, side: int, method: int) -> Pictures:
    return np.stack([cv2.resize(picture, (side, side), interpolation=method) for picture in pictures]).astype(np.uint8)


def given(clip: Clip, way: Way) -> Clip:
    """The clip as the codec gets it."""
    if way == "half rate":
        return Clip(clip.name, clip.fps / 2, clip.pictures[::2])
    if way == "half size":
        return Clip(clip.name, clip.fps, _scaled(clip.pictures, side=clip.side // 2, method=cv2.INTER_AREA))
    return clip


def shown(decoded: Pictures, clip: Clip, way: Way) -> Pictures:
    """What is seen of it at the clip's own rate and size."""
    if way == "half rate":
        return decoded.repeat(2, axis=0)[: len(clip.pictures)]
    if way == "half size":
        return _scaled(decoded, side=clip.side, method=cv2.INTER_LANCZOS4)
    return decoded


def run_anchor(point: AnchorPoint, clip: Clip) -> CodedClip:
    """Codes a clip at one setting and decodes it again. Raises SettingError on an unknown name."""
    setup = anchor(point.anchor)
    start = time.perf_counter()
    coded = encode(setup, given(clip, point.way), crf=point.crf)
    middle = time.perf_counter()
    pictures = shown(decode(setup, coded), clip, point.way)
    end = time.perf_counter()
    sizes = [len(picture.data) for picture in coded]
    keyframe = sum(len(picture.data) for picture in coded if picture.is_keyframe)
    count = len(clip.pictures)
    return CodedClip(
        pictures=pictures,
        keyframe_bytes=keyframe,
        reference_bytes=0,
        motion_bytes=sum(sizes) - keyframe,
        wire=rtp_on_wire(sizes),
        encode_ms=(middle - start) * 1000 / count,
        decode_ms=(end - middle) * 1000 / count,
        first_keyframe_bytes=sizes[0],
    )
