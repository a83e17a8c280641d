"""Stages 4 and 8, references as AV1: SVT-AV1's settings, and which parts of its temporal units are sent."""

from codec.errors import BitstreamError, TruncatedError
from codec.reference import svt
from codec.reference.contexts import PictureStream, SteadyStream, open_encoder
from codec.reference.picture_header import pack_header, pack_sequence, unpack_header, unpack_sequence
from codec.reference.schedules import ordinary_threads

SEQUENCE_OBU = 0x0A  # obu_type 1, with a size field
FRAME_OBU = 0x32  # obu_type 6, with a size field
DELIMITER_OBU = b"\x12\x00"
OBU_TYPE_SEQUENCE, OBU_TYPE_FRAME = 1, 6
MAX_SEQUENCE_BYTES = 64  # SVT-AV1 writes 11


_PARAMETERS = {
    "pred-struct": "1",  # low delay: every picture refers to earlier ones only
    "lookahead": "0",
    "keyint": "-1",
    "scd": "0",
    "scm": "0",  # taken for screen content, a face costs seconds and 0.3 dB
    "lp": "1",  # one thread
    "film-grain": "0",
    # The same step for all but intra pictures, unless one is asked for: none returns as a better one.
    "use-fixed-qindex-offsets": "1",
    "qindex-offsets": "[0,0,0,0,0,0]",
    # Finer steps where there is little contrast (skin), coarser where there is much (hair), and a decision for
    # texture over smoothness: at equal bytes 15 % less LPIPS on faces, and PSNR no worse.
    "enable-variance-boost": "1",
    "variance-boost-curve": "2",
    "sharpness": "7",
}


def open_av1(size: int, crf: int, intra_offset: int, preset: int) -> PictureStream:
    """A stream that changes its step where this SVT-AV1 is one that can be told to, else one that keeps it."""
    parameters = {**_PARAMETERS, "key-frame-qindex-offset": str(intra_offset)}
    if svt.available():
        return svt.SvtStream(size=size, crf=crf, preset=preset, parameters=parameters)
    options = {
        "preset": str(preset),
        "crf": str(crf),
        "svtav1-params": ":".join(f"{name}={value}" for name, value in parameters.items()),
    }
    with ordinary_threads():
        return SteadyStream(open_encoder("libsvtav1", size, options), crf=crf)


def pack_av1(unit: bytes, *, size: int, count: int, crf: int) -> bytes:
    """Keep of a temporal unit what `unpack_av1` cannot rebuild.

    `count`: pictures of the stream before this one, none before an intra one; `crf`: what it was coded at.
    """
    sequence, frame, position = b"", b"", 0
    while position < len(unit):
        header = unit[position]
        length, start = _read_leb128(unit, position + 1)
        obu_type = (header >> 3) & 15
        if obu_type == OBU_TYPE_SEQUENCE:
            sequence = pack_sequence(unit[start : start + length], size=size)
        elif obu_type == OBU_TYPE_FRAME:
            assert not frame, "one tile group a picture"
            frame = pack_header(unit[start : start + length], count=count, crf=crf)
        position = start + length
    return sequence + frame


def unpack_av1(data: bytes, *, count: int, crf: int) -> bytes:
    """The inverse; TruncatedError where the bytes end early."""
    sequence, start = b"", 0
    if not count:
        payload, start = unpack_sequence(data, most=MAX_SEQUENCE_BYTES)
        sequence = bytes([SEQUENCE_OBU, len(payload)]) + payload
    frame = unpack_header(data[start:], count=count, crf=crf)
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
