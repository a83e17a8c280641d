"""Stage 4 and 8, for comparison: a clip through an ordinary video codec, picture by picture as a call would.

Rates are bytes of the elementary stream, headers included, but for what x264 and x265 write about themselves (600 and
2,300 bytes). Half the rate is every second picture, shown twice; half the side is pictures scaled by area averaging,
and what is decoded enlarged by Lanczos' window.
"""

import time

import av
import cv2
import numpy as np

from benchmarks.clips.clip import Clip, Pictures
from benchmarks.rate.anchors.coded_clip import CodedClip
from benchmarks.rate.anchors.encoder import CodedPicture
from benchmarks.rate.anchors.encoding_process import encoding_process
from benchmarks.rate.anchors.setups import Anchor, AnchorPoint, Way, anchor
from signaling.transport.costs import rtp_on_wire


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
    """Codes a clip at one setting and decodes it again. Raises SettingError, EncoderFailed."""
    setup = anchor(point.anchor).tuned(sharp=point.sharp)
    encoded = encoding_process().encode(setup, given(clip, point.way), crf=point.crf)
    coded = encoded.pictures
    start = time.perf_counter()
    pictures = shown(decode(setup, coded), clip, point.way)
    decode_s = time.perf_counter() - start
    sizes = [len(picture.data) for picture in coded]
    keyframe = sum(len(picture.data) for picture in coded if picture.is_keyframe)
    count = len(clip.pictures)
    return CodedClip(
        pictures=pictures,
        keyframe_bytes=keyframe,
        reference_bytes=0,
        motion_bytes=sum(sizes) - keyframe,
        wire=rtp_on_wire(sizes),
        encode_ms=encoded.seconds * 1000 / count,
        decode_ms=decode_s * 1000 / count,
        first_keyframe_bytes=sizes[0],
    )
