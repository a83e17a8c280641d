"""Stage 4, references as AV1: SVT-AV1 by its own interface, for what FFmpeg's does not pass on.

FFmpeg opens SVT-AV1 with one quality index for a stream. The library itself takes a new one with any picture
(RATE_CHANGE_EVENT of EbSvtAv1.h, SVT-AV1 4), which is how a reference can be as fine as it will be worth without a new
keyframe. This file calls the very library that PyAV has loaded. Structures are those of one version, so any other is
left alone: `available` is then false, and a stream keeps its step.
"""

import ctypes
import os
import weakref
from collections.abc import Mapping
from ctypes import POINTER, Structure, byref, c_char_p, c_double, c_int64, c_uint8, c_uint32, c_uint64, c_void_p, sizeof
from functools import cache
from pathlib import Path

import av

from codec.errors import ConfigError, PictureError
from codec.reference.schedules import ordinary_threads
from codec.units import Image

__all__ = ["SvtStream", "available"]

_VERSION = b"v4.1."  # whose structures these are
_CONFIGURATION_BYTES = (
    8192  # more than EbSvtAv1EncConfiguration has; the library fills and reads it, this file does not
)
_TARGET_BITS = 2000513  # its default, unused at constant quality; an event must repeat it
_RATE_CHANGE_EVENT = 4
_DECIDE, _END_OF_STREAM = 0xFF, 1


class _Header(Structure):
    """EbBufferHeaderType: a picture in, or a packet out."""

    _fields_ = (
        ("size", c_uint32),
        ("buffer", c_void_p),
        ("filled_bytes", c_uint32),
        ("allocated_bytes", c_uint32),
        ("events", c_void_p),
        ("wrapper", c_void_p),
        ("ticks", c_uint32),
        ("dts", c_int64),
        ("pts", c_int64),
        ("temporal_layer", c_uint8),
        ("qp", c_uint32),
        ("mean_qp", c_uint32),
        ("picture_type", c_uint32),
        ("squared_errors", c_uint64 * 3),
        ("flags", c_uint32),
        ("similarities", c_double * 3),
        ("metadata", c_void_p),
    )


class _Planes(Structure):
    """EbSvtIOFormat."""

    _fields_ = (
        ("luma", c_void_p),
        ("cb", c_void_p),
        ("cr", c_void_p),
        ("luma_stride", c_uint32),
        ("cr_stride", c_uint32),
        ("cb_stride", c_uint32),
    )


class _Event(Structure):
    """EbPrivDataNode."""

    _fields_ = (("kind", c_uint32), ("data", c_void_p), ("size", c_uint32), ("next", c_void_p))


class _Rate(Structure):
    """SvtAv1RateInfo."""

    _fields_ = (("quality_index", c_uint32), ("target_bits", c_uint32))


def available() -> bool:
    """Whether the SVT-AV1 that PyAV came with is one whose structures are known here."""
    return _library() is not None


class SvtStream:
    """One low-delay stream: a picture in, its temporal unit out.

    ConfigError where the library does not take the settings.
    """

    def __init__(self, *, size: int, crf: int, preset: int, parameters: Mapping[str, str]) -> None:
        library = _library()
        if library is None:
            raise ConfigError("this SVT-AV1 cannot change its quality index within a stream")
        self._size, self._crf, self._count = size, crf, 0
        settings = {"width": size, "height": size, "fps-num": 25, "fps-denom": 1, "preset": preset, "crf": crf}
        with ordinary_threads():
            self._handle = _open(library, {**settings, "input-depth": 8, "color-range": 1, **parameters})
        self._library = library
        self._end = weakref.finalize(self, _close, library, self._handle)

    def close(self) -> None:
        self._end()

    def encode(self, yuv: Image, *, crf: int) -> tuple[bytes, int]:
        """uint8 (size * 3 / 2, size), planes of yuv420p -> its temporal unit, and `crf`, 1 .. 63, as it was coded."""
        data = yuv.tobytes()
        area = self._size * self._size
        if len(data) != area * 3 // 2:
            raise PictureError(f"{len(data)} bytes are no yuv420p picture of {self._size}x{self._size}")
        start = ctypes.cast(c_char_p(data), c_void_p).value or 0
        half = self._size // 2
        planes = _Planes(start, start + area, start + area * 5 // 4, self._size, half, half)
        rate = _Rate(crf, _TARGET_BITS)
        event = _Event(_RATE_CHANGE_EVENT, ctypes.addressof(rate), sizeof(rate), None)
        header = _Header(size=sizeof(_Header), filled_bytes=len(data), pts=self._count, picture_type=_DECIDE)
        header.buffer = ctypes.addressof(planes)
        header.events = ctypes.addressof(event) if crf != self._crf else None
        _checked(self._library.svt_av1_enc_send_picture(self._handle, byref(header)), "take a picture")
        self._crf, self._count = crf, self._count + 1
        return _packet(self._library, self._handle), crf


def _open(library: ctypes.CDLL, settings: Mapping[str, object]) -> c_void_p:
    handle, configuration = c_void_p(), ctypes.create_string_buffer(_CONFIGURATION_BYTES)
    _checked(library.svt_av1_enc_init_handle(byref(handle), configuration), "start")
    try:
        for name, value in settings.items():
            failed = library.svt_av1_enc_parse_parameter(configuration, name.encode(), str(value).encode())
            _checked(failed, f"take {name}={value}")
        _checked(library.svt_av1_enc_set_parameter(handle, configuration), "take its settings")
        _checked(library.svt_av1_enc_init(handle), "start")
    except ConfigError:
        library.svt_av1_enc_deinit_handle(handle)
        raise
    return handle


def _packet(library: ctypes.CDLL, handle: c_void_p) -> bytes:
    packet = POINTER(_Header)()
    _checked(library.svt_av1_enc_get_packet(handle, byref(packet), 0), "code a picture")
    data = ctypes.string_at(packet.contents.buffer, packet.contents.filled_bytes)
    library.svt_av1_enc_release_out_buffer(byref(packet))
    return data


def _close(library: ctypes.CDLL, handle: c_void_p) -> None:
    """Ends the stream, whose threads would wait for more."""
    end = _Header(size=sizeof(_Header), picture_type=_DECIDE, flags=_END_OF_STREAM)
    if library.svt_av1_enc_send_picture(handle, byref(end)) == 0:
        packet = POINTER(_Header)()
        while library.svt_av1_enc_get_packet(handle, byref(packet), 1) == 0:
            last = packet.contents.flags & _END_OF_STREAM
            library.svt_av1_enc_release_out_buffer(byref(packet))
            if last:
                break
    library.svt_av1_enc_deinit(handle)
    library.svt_av1_enc_deinit_handle(handle)


def _checked(code: int, what: str) -> None:
    if code:
        raise ConfigError(f"SVT-AV1 does not {what}: error {code & 0xFFFFFFFF:#x}")


@cache
def _library() -> ctypes.CDLL | None:
    # SVT-AV1 prints its settings to stderr unless told not to by the environment, whoever opens it; failures still
    # reach us as errors.
    os.environ.setdefault("SVT_LOG", "0")
    for path in _candidates():
        try:
            library = ctypes.CDLL(str(path))
            library.svt_av1_get_version.restype = c_char_p
            version = library.svt_av1_get_version()
        except (OSError, AttributeError):
            continue
        if version.startswith(_VERSION):
            return _declared(library)
    return None


def _candidates() -> list[Path]:
    """Where wheels of PyAV keep their libraries, on Linux and Windows beside the package, on macOS in it."""
    package = Path(av.__file__).parent
    places = (package.with_name("av.libs"), package / ".dylibs")
    return [path for place in places if place.is_dir() for path in sorted(place.glob("*SvtAv1Enc*"))]


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    header = POINTER(_Header)
    library.svt_av1_enc_init_handle.argtypes = [POINTER(c_void_p), c_void_p]
    library.svt_av1_enc_parse_parameter.argtypes = [c_void_p, c_char_p, c_char_p]
    library.svt_av1_enc_set_parameter.argtypes = [c_void_p, c_void_p]
    library.svt_av1_enc_send_picture.argtypes = [c_void_p, header]
    library.svt_av1_enc_get_packet.argtypes = [c_void_p, POINTER(header), c_uint8]
    library.svt_av1_enc_release_out_buffer.argtypes, library.svt_av1_enc_release_out_buffer.restype = (
        [POINTER(header)],
        None,
    )
    for name in ("svt_av1_enc_init", "svt_av1_enc_deinit", "svt_av1_enc_deinit_handle"):
        getattr(library, name).argtypes = [c_void_p]
    return library
