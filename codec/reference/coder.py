"""Stages 4 and 8, reference picture <-> bytes: one persistent low-delay AV1 stream through PyAV, picture by picture.

An intra picture opens a stream, every later one is coded against the pictures before it. The channel is reliable and
ordered, so the chain is safe; each picture comes out of the encoder at once, and the encoder runs its own decoder.

Syntax of one coded picture:

    byte 0      qqqqqq cc   q: quality index of the stream, 1 .. 63, for the restoration after it (codec.networks);
                            c: coder, 1 = AV1, 2 = H.264 (written only where PyAV was built without SVT-AV1).
                            All pictures of a stream have the same.
    AV1         an intra picture: one sequence header OBU with its size field, then the payload of one OBU_FRAME;
                any other: the payload of one OBU_FRAME alone. Temporal delimiters, and the header and size of the
                frame OBU, say nothing that this syntax does not, and are left out (AV1 specification, section 5).
    H.264       the NAL units of one access unit in Annex B byte stream format, without SEI and delimiters.

Colour: BT.601 luma and chroma, full range, 4:2:0 with chroma sited at the centre of its four luma samples: averaged on
the way in, bilinear on the way out. The conversion is our own in float32, because it loses less than swscale's
(48-51 dB against 43-45 dB RGB round trip on camera pictures).
"""

import os
from contextlib import suppress
from fractions import Fraction
from typing import Literal

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from codec.errors import BitstreamError, ConfigError, PictureError, ReferenceMissing, TruncatedError

__all__ = [
    "CODERS",
    "Coder",
    "ReferenceDecoder",
    "ReferenceEncoder",
    "restore_schedules",
    "rgb_to_yuv420",
    "thread_schedules",
    "yuv420_to_rgb",
]

Picture = NDArray[np.uint8]
Coder = Literal["av1", "h264"]
CODERS: dict[Coder, int] = {"av1": 1, "h264": 2}

RED_WEIGHT, BLUE_WEIGHT = 0.299, 0.114  # ITU-R BT.601, section 2.5.1
GREEN_WEIGHT = 1.0 - RED_WEIGHT - BLUE_WEIGHT

SEQUENCE_OBU = 0x0A  # obu_type 1, with a size field
FRAME_OBU = 0x32  # obu_type 6, with a size field
DELIMITER_OBU = b"\x12\x00"
OBU_TYPE_SEQUENCE, OBU_TYPE_FRAME = 1, 6
MAX_SEQUENCE_BYTES = 64  # SVT-AV1 writes 11

NAL_DELIMITER, NAL_SEI = 9, 6

_THREADS = "/proc/self/task"


def rgb_to_yuv420(image_rgb: Picture) -> Picture:
    """Convert a picture of even size, (H, W, 3) to planar I420 (H * 3 / 2, W): Y, then Cb, then Cr, full range."""
    height, width = image_rgb.shape[:2]
    red, green, blue = cv2.split(image_rgb.astype(np.float32))
    luma = RED_WEIGHT * red + GREEN_WEIGHT * green + BLUE_WEIGHT * blue
    half = (width // 2, height // 2)
    chroma_blue = cv2.resize((blue - luma) / (2 * (1 - BLUE_WEIGHT)), half, interpolation=cv2.INTER_AREA) + 128
    chroma_red = cv2.resize((red - luma) / (2 * (1 - RED_WEIGHT)), half, interpolation=cv2.INTER_AREA) + 128
    planes = np.concatenate([luma.ravel(), chroma_blue.ravel(), chroma_red.ravel()])
    return _to_bytes(planes).reshape(height * 3 // 2, width)


def yuv420_to_rgb(planes: Picture) -> Picture:
    """Invert `rgb_to_yuv420`, but for what 4:2:0 and rounding lost: (H * 3 / 2, W) to (H, W, 3)."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    quarter = height * width // 4
    flat = planes.astype(np.float32).ravel()
    luma = flat[: 4 * quarter].reshape(height, width)
    chroma = flat[4 * quarter :].reshape(2, height // 2, width // 2) - 128
    chroma_blue = cv2.resize(chroma[0], (width, height), interpolation=cv2.INTER_LINEAR)
    chroma_red = cv2.resize(chroma[1], (width, height), interpolation=cv2.INTER_LINEAR)
    red = luma + 2 * (1 - RED_WEIGHT) * chroma_red
    blue = luma + 2 * (1 - BLUE_WEIGHT) * chroma_blue
    green = (luma - RED_WEIGHT * red - BLUE_WEIGHT * blue) / GREEN_WEIGHT
    return _to_bytes(np.stack([red, green, blue], axis=-1))


def _to_bytes(values: NDArray[np.float32]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


class ReferenceEncoder:
    """Codes reference pictures of one call, each against those before it.

    `crf` is the coder's quality index, 1 (best) .. 63; it may be set at any time and holds from the next intra picture
    on, since the AV1 encoder keeps its step for the length of a stream. `intra_offset` (-64 .. 63, in units of AV1's
    qindex, four to a crf) moves intra pictures against the others: everything later leans on them, so the default
    spends more on them. `preset` is SVT-AV1's speed: 4 takes about 60 ms for an intra picture and 20 ms for another at
    256x256, 150 and 50 ms at 512x512.
    `reconstruction` is what a `ReferenceDecoder` shows for the last picture, bit for bit.
    """

    def __init__(
        self, *, size: int, crf: int = 50, intra_offset: int = -40, preset: int = 4, coder: Coder | None = None
    ) -> None:
        if size < 64 or size % 8:
            raise ConfigError(f"reference size {size} is not a multiple of 8 from 64 on")
        if not -64 <= intra_offset <= 63 or not 0 <= preset <= 13:
            raise ConfigError(f"intra offset {intra_offset} or preset {preset} is out of range")
        self._size = size
        self._intra_offset = intra_offset
        self._preset = preset
        self._coder = _available_coder() if coder is None else coder
        self._codec: VideoCodecContext | None = None
        self._decoder = ReferenceDecoder(size=size)
        self._count = 0
        self.crf = self._stream_crf = crf
        self.reconstruction: Picture = np.zeros((size, size, 3), np.uint8)

    @property
    def crf(self) -> int:
        return self._crf

    @crf.setter
    def crf(self, crf: int) -> None:
        if not 1 <= crf <= 63:
            raise ConfigError(f"crf {crf} is not in 1..63")
        self._crf = crf

    @property
    def coded_crf(self) -> int:
        """The quality index of the stream that the last picture belongs to."""
        return self._stream_crf

    def encode(self, image_rgb: Picture, *, intra: bool) -> bytes:
        """Code one picture, uint8 (size, size, 3); `intra` begins a new stream.

        Raises PictureError on another shape or type, ReferenceMissing if the first picture of all is not intra.
        """
        if image_rgb.shape != (self._size, self._size, 3) or image_rgb.dtype != np.uint8:
            raise PictureError(
                f"a reference is uint8 ({self._size}, {self._size}, 3), not {image_rgb.dtype} {image_rgb.shape}"
            )
        if intra:
            self._restart()
        if self._codec is None:
            raise ReferenceMissing("the first reference must be an intra picture")
        frame = av.VideoFrame.from_ndarray(rgb_to_yuv420(image_rgb), format="yuv420p")
        frame.pts = self._count
        self._count += 1
        packets = self._codec.encode(frame)
        assert len(packets) == 1, "the low-delay settings give one packet a picture"
        packed = _pack_av1(bytes(packets[0])) if self._coder == "av1" else _pack_h264(bytes(packets[0]))
        data = bytes([self._stream_crf << 2 | CODERS[self._coder]]) + packed
        self.reconstruction = self._decoder.decode(data, intra=intra)
        return data

    def _restart(self) -> None:
        if self._codec is not None:
            self._codec.encode(None)  # SVT-AV1 complains on stderr when it is freed without having been flushed
        open_encoder = _open_av1 if self._coder == "av1" else _open_h264
        self._codec = open_encoder(self._size, self._crf, self._intra_offset, self._preset)
        self._stream_crf = self._crf
        self._count = 0


class ReferenceDecoder:
    """Decodes what `ReferenceEncoder` wrote, picture by picture, in order."""

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._codec: VideoCodecContext | None = None
        self._stream = 0  # byte 0 of its pictures

    @property
    def crf(self) -> int:
        """The quality index that the last picture was coded with."""
        return self._stream >> 2

    def decode(self, data: bytes, *, intra: bool) -> Picture:
        """Decode one picture to uint8 (size, size, 3).

        Raises BitstreamError if the data is malformed or shows another size; the stream is then broken, so that
        ReferenceMissing follows for every picture until the next intra one. An intra picture always starts afresh.
        """
        codec = None if intra else self._codec
        self._codec = None  # until this picture has decoded, nothing may build on it
        if not intra and codec is None:
            raise ReferenceMissing("a reference builds on an earlier one that is not held")
        if len(data) < 2:
            raise TruncatedError(f"a reference of {len(data)} bytes")
        crf, coder = data[0] >> 2, data[0] & 3
        if not crf or coder not in CODERS.values() or (not intra and data[0] != self._stream):
            raise BitstreamError(f"reference coder {coder} at quality {crf} is unknown or not the one of its stream")
        unit = _unpack_av1(data[1:], intra=intra) if coder == CODERS["av1"] else data[1:]
        if codec is None:
            codec = _open_decoder(coder, self._size)
        image_rgb = self._decode_unit(codec, unit)
        self._codec, self._stream = codec, data[0]
        return image_rgb

    def _decode_unit(self, codec: VideoCodecContext, unit: bytes) -> Picture:
        try:
            frames = codec.decode(av.Packet(unit))
        except (av.error.FFmpegError, MemoryError) as error:
            raise BitstreamError(f"a reference does not decode: {error}") from error
        if len(frames) != 1:
            raise BitstreamError(f"a reference holds {len(frames)} pictures")
        frame = frames[0]
        # PyAV hands out the flag for damage that FFmpeg concealed; a concealed picture would not match the sender's.
        if frame.is_corrupt:
            raise BitstreamError("a reference is damaged")
        if (frame.width, frame.height) != (self._size, self._size):
            raise BitstreamError(f"a reference of {frame.width}x{frame.height}, not {self._size}x{self._size}")
        if frame.format.name not in ("yuv420p", "yuvj420p"):
            raise BitstreamError(f"a reference in {frame.format.name}, not 8-bit 4:2:0")
        return yuv420_to_rgb(frame.to_ndarray().astype(np.uint8, copy=False))


def _available_coder() -> Coder:
    available = av.codecs_available
    if "libsvtav1" in available and "libdav1d" in available:
        return "av1"
    if "libx264" in available:
        return "h264"
    raise ConfigError("this build of PyAV has neither SVT-AV1 with dav1d nor x264 to code references with")


def _open_av1(size: int, crf: int, intra_offset: int, preset: int) -> VideoCodecContext:
    # SVT-AV1 prints its settings to stderr unless told not to by the environment; failures still reach us as errors.
    os.environ.setdefault("SVT_LOG", "0")
    parameters = {
        "pred-struct": "1",  # low delay: every picture refers to earlier ones only
        "lookahead": "0",
        "keyint": "-1",
        "scd": "0",
        "scm": "0",  # taken for screen content, a face costs seconds and 0.3 dB
        "lp": "1",  # one thread
        "film-grain": "0",
        # The same step for all but intra pictures: each is shown for about as long, and none returns as a better one.
        "use-fixed-qindex-offsets": "1",
        "qindex-offsets": "[0,0,0,0,0,0]",
        "key-frame-qindex-offset": str(intra_offset),
        # Finer steps where there is little contrast (skin), coarser where there is much (hair), and a decision for
        # texture over smoothness: at equal bytes 15 % less LPIPS on faces, and PSNR no worse.
        "enable-variance-boost": "1",
        "variance-boost-curve": "2",
        "sharpness": "7",
    }
    options = {
        "preset": str(preset),
        "crf": str(crf),
        "svtav1-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
    }
    before = thread_schedules()
    codec = _open_encoder("libsvtav1", size, options)
    restore_schedules(before)
    return codec


def thread_schedules() -> dict[int, int]:
    """Scheduling policy of every thread of this process, by thread id; empty where the system does not tell."""
    if not hasattr(os, "sched_getscheduler") or not os.path.isdir(_THREADS):
        return {}
    schedules = {}
    for thread in map(int, os.listdir(_THREADS)):
        with suppress(ProcessLookupError):  # it has ended since it was listed
            schedules[thread] = os.sched_getscheduler(thread)
    return schedules


def restore_schedules(before: dict[int, int]) -> None:
    """Undo what SVT-AV1 does when it is run as root: it makes itself, and the thread that opened it, real-time.

    A real-time thread would starve the rest of the call, and of the machine. Threads that are new become ordinary.
    """
    for thread, policy in thread_schedules().items():
        wanted = before.get(thread, os.SCHED_OTHER)
        if policy != wanted == os.SCHED_OTHER:
            with suppress(ProcessLookupError):
                os.sched_setscheduler(thread, wanted, os.sched_param(0))


def _open_h264(size: int, crf: int, intra_offset: int, preset: int) -> VideoCodecContext:
    # x264's scale runs to 51 and doubles the step each 6, AV1's crf to 63; an offset of 4 is one crf.
    intra_ratio = 2 ** (-intra_offset / 48)
    options = {
        "preset": "slow" if preset < 6 else "veryfast",
        "tune": "zerolatency",
        "crf": str(max(1, round((crf - 4) * 0.75))),
        "x264-params": f"keyint=infinite:scenecut=0:threads=1:annexb=1:repeat-headers=1:ipratio={intra_ratio:.3f}",
    }
    return _open_encoder("libx264", size, options)


def _open_encoder(name: str, size: int, options: dict[str, str]) -> VideoCodecContext:
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


def _open_decoder(coder: int, size: int) -> VideoCodecContext:
    codec = av.CodecContext.create("libdav1d" if coder == CODERS["av1"] else "h264", "r")
    assert isinstance(codec, VideoCodecContext)
    codec.thread_count = 1
    # A stream that claims a larger picture is refused before anything of that size is allocated.
    codec.options = {"max_pixels": str((size + 64) ** 2), "flags": "+low_delay", "err_detect": "explode"}
    if coder == CODERS["av1"]:
        codec.options = {"max_frame_delay": "1", "max_pixels": str(size * size)}
    codec.open()
    return codec


def _pack_av1(unit: bytes) -> bytes:
    """Keep of a temporal unit what `_unpack_av1` cannot rebuild."""
    sequence, frame, position = b"", b"", 0
    while position < len(unit):
        header = unit[position]
        length, start = _read_leb128(unit, position + 1)
        obu_type = (header >> 3) & 15
        if obu_type == OBU_TYPE_SEQUENCE:
            sequence = unit[position : start + length]
        elif obu_type == OBU_TYPE_FRAME:
            assert not frame, "one tile group a picture"
            frame = unit[start : start + length]
        position = start + length
    return sequence + frame


def _unpack_av1(data: bytes, *, intra: bool) -> bytes:
    sequence, start = b"", 0
    if intra:
        if data[0] != SEQUENCE_OBU:
            raise BitstreamError("an intra reference does not open with a sequence header")
        length, start = _read_leb128(data, 1)
        if length > MAX_SEQUENCE_BYTES:
            raise BitstreamError(f"a sequence header of {length} bytes")
        start += length
        sequence = data[:start]
    frame = data[start:]
    if not frame:
        raise TruncatedError("a reference ends before its picture")
    return DELIMITER_OBU + sequence + bytes([FRAME_OBU]) + _write_leb128(len(frame)) + frame


def _read_leb128(data: bytes, position: int) -> tuple[int, int]:
    """Read an unsigned little-endian base-128 number: (value, position after it)."""
    value = 0
    for count in range(8):
        if position + count >= len(data):
            raise TruncatedError("a reference ends within a length")
        byte = data[position + count]
        value |= (byte & 0x7F) << (7 * count)
        if not byte & 0x80:
            return value, position + count + 1
    raise BitstreamError("a length of more than eight bytes")


def _write_leb128(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _pack_h264(unit: bytes) -> bytes:
    """Drop the NAL units that carry no picture: x264 opens with 700 bytes about itself."""
    kept = bytearray()
    for part in unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]:
        if part[0] & 31 not in (NAL_DELIMITER, NAL_SEI):
            kept += b"\0\0\1" + part
    return bytes(kept)
