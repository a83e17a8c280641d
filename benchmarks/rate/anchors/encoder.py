"""Stage 4, for comparison: a clip through an ordinary encoder, picture by picture as a call would."""

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av

from benchmarks.clips.clip import Clip
from benchmarks.errors import EncoderFailed
from benchmarks.rate.anchors.setups import Anchor
from codec.reference.schedules import ordinary_threads

H264_SEI = 6  # nal_unit_type, H.264 table 7-1
ONE_KEYFRAME = 100_000  # a group of pictures longer than any clip


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One packet out of an encoder."""

    data: bytes
    is_keyframe: bool


@dataclass(frozen=True, slots=True)
class Encoded:
    """A packet for each picture, and how long all took."""

    pictures: list[CodedPicture]
    seconds: float


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


def encode(setup: Anchor, clip: Clip, *, crf: int, tick: Callable[[], None] = lambda: None) -> Encoded:
    """A packet for each picture, which leaves before the next picture enters; `tick` is told of each.

    Raises EncoderFailed where the encoder refuses, or holds a picture back.
    """
    try:
        return _encode(setup, clip, crf, tick)
    except av.FFmpegError as error:
        raise EncoderFailed(f"{setup.encoder} failed on {clip.name} at crf {crf}: {error}") from error


def _encode(setup: Anchor, clip: Clip, crf: int, tick: Callable[[], None]) -> Encoded:
    """Raises EncoderFailed, av.FFmpegError."""
    start = time.perf_counter()
    context = _encoder(setup, clip, crf)
    with ordinary_threads():
        context.open()
    coded = []
    for index, picture in enumerate(clip.pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = index
        packets = context.encode(frame)
        if len(packets) != 1:
            raise EncoderFailed(f"{setup.encoder} gave {len(packets)} packets for picture {index}: no low delay")
        data = bytes(packets[0])
        data = without_supplements(data) if setup.encoder == "libx264" else data
        coded.append(CodedPicture(data, packets[0].is_keyframe))
        tick()
    assert not context.encode(None)
    return Encoded(coded, time.perf_counter() - start)
