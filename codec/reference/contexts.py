"""Stages 4 and 8, reference coders: the codec contexts of PyAV, and which of them this build has."""

from fractions import Fraction
from typing import Literal, Protocol

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from codec.errors import ConfigError
from codec.units import Image

Coder = Literal["av1", "h264"]
CODERS: dict[Coder, int] = {"av1": 1, "h264": 2}


def available_coder() -> Coder:
    available = av.codecs_available
    if "libsvtav1" in available and "libdav1d" in available:
        return "av1"
    if "libx264" in available:
        return "h264"
    raise ConfigError("this build of PyAV has neither SVT-AV1 with dav1d nor x264 to code references with")


class PictureStream(Protocol):
    """A low-delay stream that gives one unit for each picture, at once."""

    def encode(self, yuv: Image, *, crf: int) -> tuple[bytes, int]:
        """uint8 (size * 3 / 2, size), planes of yuv420p -> its unit, and the quality index it was coded at.

        That is `crf` where the encoder can change its step within a stream, else the one the stream was opened with.
        """

    def close(self) -> None:
        """No more pictures come."""


class SteadyStream:
    """A stream of an encoder that keeps its step."""

    def __init__(self, codec: VideoCodecContext, *, crf: int) -> None:
        self._codec, self._crf, self._count = codec, crf, 0

    def encode(self, yuv: Image, *, crf: int) -> tuple[bytes, int]:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(yuv), format="yuv420p")
        frame.pts = self._count
        self._count += 1
        packets = self._codec.encode(frame)
        assert len(packets) == 1, "the low-delay settings give one packet a picture"
        return bytes(packets[0]), self._crf

    def close(self) -> None:
        self._codec.encode(None)  # SVT-AV1 complains on stderr when it is freed without having been flushed


def open_encoder(name: str, size: int, options: dict[str, str]) -> VideoCodecContext:
    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width = codec.height = size
    codec.pix_fmt = "yuv420p"
    codec.color_range = av.video.reformatter.ColorRange.JPEG
    codec.time_base, codec.framerate = Fraction(1, 25), Fraction(25, 1)  # the coders ask; with crf they do not use it
    codec.thread_count = 1
    codec.options = options
    codec.open()
    return codec


def open_decoder(coder: int, size: int) -> VideoCodecContext:
    codec = av.CodecContext.create("libdav1d" if coder == CODERS["av1"] else "h264", "r")
    assert isinstance(codec, VideoCodecContext)
    codec.thread_count = 1
    # A stream that claims a larger picture is refused before anything of that size is allocated.
    codec.options = {"max_pixels": str((size + 64) ** 2), "flags": "+low_delay", "err_detect": "explode"}
    if coder == CODERS["av1"]:
        codec.options = {"max_frame_delay": "1", "max_pixels": str(size * size)}
    codec.open()
    return codec
