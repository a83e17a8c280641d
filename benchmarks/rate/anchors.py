"""Stage 4 and 8, for comparison: the ordinary video codecs, set up as a call would run them.

Constant bitrate, one keyframe, no B-frames, no lookahead, one thread, the library's own real-time settings: every
picture leaves the encoder before the next one enters. Rates are bytes of the elementary stream, headers included. The
asked rates are spread so that the reached ones cover what each codec can do up to 30 kbps at 256x256: below its lowest
rate a codec no longer reacts, it only drops to its coarsest quantiser. Constant quality instead of constant
bitrate would gain the anchors up to half a decibel above 15 kbps, and cannot go below that.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import av
import numpy as np

from benchmarks.clips.clip import Clip
from benchmarks.errors import SettingError
from benchmarks.rate.coded_clip import CodedClip
from codec.reference.schedules import restore_schedules, thread_schedules
from signaling.transport.costs import rtp_on_wire

ONE_KEYFRAME = 100_000  # a group of pictures longer than any clip

os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 prints its banner otherwise; it reads this when first opened


@dataclass(frozen=True, slots=True)
class Anchor:
    """One codec's low-delay set-up. `{bps}` in an option is replaced by the asked rate."""

    label: str
    encoder: str
    decoder: str
    options: Mapping[str, str]
    kbps: tuple[float, ...]  # asked rates at 256x256, 25 to 30 fps


ANCHORS: Mapping[str, Anchor] = MappingProxyType(
    {
        "x264": Anchor(
            label="x264 baseline zerolatency",
            encoder="libx264",
            decoder="h264",
            options={"profile": "baseline", "preset": "medium", "tune": "zerolatency", "x264-params": "scenecut=0"},
            kbps=(8, 14, 20, 28),
        ),
        "x265": Anchor(
            label="x265 zerolatency",
            encoder="libx265",
            decoder="hevc",
            options={
                "preset": "medium",
                "tune": "zerolatency",
                "x265-params": "log-level=none:keyint=-1:scenecut=0:bframes=0:pools=none:frame-threads=1",
            },
            kbps=(6, 10, 16, 24),
        ),
        "vp9": Anchor(
            label="VP9 realtime cpu5",
            encoder="libvpx-vp9",
            decoder="vp9",
            options={
                "deadline": "realtime",
                "cpu-used": "5",
                "lag-in-frames": "0",
                "auto-alt-ref": "0",
                "minrate": "{bps}",
                "maxrate": "{bps}",
            },
            kbps=(5, 10, 16, 26),
        ),
        "svtav1": Anchor(
            label="SVT-AV1 p8 low-delay",
            encoder="libsvtav1",
            decoder="libdav1d",
            options={"preset": "8", "svtav1-params": "rc=2:pred-struct=1:lookahead=0:scd=0"},
            kbps=(4, 6, 8, 15, 25),
        ),
    }
)


def anchor(name: str) -> Anchor:
    """Raises SettingError when there is none of that name."""
    if name not in ANCHORS:
        raise SettingError(f"unknown anchor {name!r}; there are {', '.join(ANCHORS)}")
    return ANCHORS[name]


def best_anchor(anchors: Sequence[str]) -> str | None:
    """AV1 where it was measured, else the last anchor, if there is any."""
    return "svtav1" if "svtav1" in anchors else next(reversed(anchors), None)


def asked_kbps(name: str, *, size: int) -> tuple[float, ...]:
    """The rates to ask for at this picture size: pictures of twice the side take about 1.7 times the bits a face."""
    scale = (size / 256) ** 0.75
    return tuple(round(kbps * scale, 1) for kbps in anchor(name).kbps)


def _encoder(setup: Anchor, clip: Clip, bps: int) -> av.VideoCodecContext:
    context = av.CodecContext.create(setup.encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    rate = Fraction(clip.fps).limit_denominator(1001)
    context.width = context.height = clip.pictures.shape[1]
    context.pix_fmt = "yuv420p"
    context.framerate = rate
    context.time_base = 1 / rate
    context.bit_rate = bps
    context.gop_size = ONE_KEYFRAME
    context.max_b_frames = 0
    context.thread_count = 1
    context.options = {key: value.replace("{bps}", str(bps)) for key, value in setup.options.items()}
    return context


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One packet out of an encoder."""

    data: bytes
    is_keyframe: bool


def _encode(setup: Anchor, clip: Clip, bps: int) -> list[CodedPicture]:
    context = _encoder(setup, clip, bps)
    before = thread_schedules()
    context.open()
    restore_schedules(before)  # SVT-AV1, run as root, would make itself real-time and starve what is measured beside it
    packets = []
    for index, picture in enumerate(clip.pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = index
        packets += context.encode(frame)
    packets += context.encode(None)
    return [CodedPicture(bytes(packet), packet.is_keyframe) for packet in packets]


def _decode(setup: Anchor, coded: list[CodedPicture]) -> list[av.VideoFrame]:
    context = av.CodecContext.create(setup.decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    frames: list[av.VideoFrame] = []
    for picture in coded:
        frames += context.decode(av.Packet(picture.data))
    return frames + context.decode(None)


def run_anchor(name: str, clip: Clip, *, kbps: float) -> CodedClip:
    """Codes a clip at about `kbps` and decodes it again. Raises SettingError on an unknown name."""
    setup = anchor(name)
    start = time.perf_counter()
    coded = _encode(setup, clip, round(kbps * 1000))
    middle = time.perf_counter()
    frames = _decode(setup, coded)
    end = time.perf_counter()
    sizes = [len(picture.data) for picture in coded]
    keyframe = sum(len(picture.data) for picture in coded if picture.is_keyframe)
    count = len(clip.pictures)
    return CodedClip(
        pictures=np.stack([frame.to_ndarray(format="rgb24") for frame in frames]).astype(np.uint8, copy=False),
        keyframe_bytes=keyframe,
        reference_bytes=0,
        motion_bytes=sum(sizes) - keyframe,
        wire=rtp_on_wire(sizes),
        encode_ms=(middle - start) * 1000 / count,
        decode_ms=(end - middle) * 1000 / count,
        first_keyframe_bytes=sizes[0],
    )
