"""Stage 4, bitstream: the syntax of a coded frame, CodedFrame <-> bytes. Version 6.

A coded frame holds a reference half, a motion half, or both, the reference half first. Integers are big-endian;
a *varint* is unsigned LEB128 (seven bits a byte, low bits first, at most five bytes). Bits are named from the highest.

Reference half (a picture that later frames warp; travels on the reliable channel):

    u8      01 m i ddd 0    m: a motion half follows; i: intra, decodable alone; ddd: reference id
    u8      vvvv ss 00      v: version (6); ss: picture size, 0 = 256, 1 = 512      only if i
    u8      frame number of the frame it was coded with, modulo 256
    4 bytes weights id                                                              only if i
    varint  pts in 1/90000 s, modulo 2^33                                           only if i
    u16     nominal frame duration in 1/90000 s                                     only if i
    u8      qp of the motion symbols below                                          only if i
    varint  length, then the entropy-coded facts of the picture (codec.state.reference_facts): if i, the canonical
            keypoints, else what stands above; its own motion, the face box
    varint  length of the coded picture, only if m
    rest    the coded picture (codec.reference)

Motion half (how to move the reference; travels on the lossy channel):

    u8      00 q t b ddd    q: a qp follows, else it is the reference's; t: a time stamp follows; b: the base layer's
                            warp is used; ddd: id of the reference to move
    u8      frame number, modulo 256
    u8      qp                                                          only if q
    u16     time stamp: (pts - pts of the reference) / 150, modulo 2^16     only if t
    rest    as below

or, chained, as differences to the frame before, which is in the same bundle:

    u8      1 t b ddd nn    t, b, ddd: the same; nn: frame number, modulo 4
    u16     time stamp                                                  only if t
    rest    entropy-coded: the windows, motion symbols or face numbers, then the motion residual

Without a time stamp, pts is that of the reference plus the frames since it times the nominal duration. An empty rest
means that nothing changed: against the reference, or, in a chain, against the frame before. How symbols are coded is
in codec.bits.symbols and codec.bits.entropy; codec.state.bundle packs frames that travel together. A decoder that does
not know the residual stops after the motion symbols.
"""

from dataclasses import dataclass

from codec.errors import BitstreamError, TruncatedError, VersionError
from codec.units import MAX_QP, SIZES

VERSION = 6
WEIGHTS_ID_BYTES = 4
PTS_MODULUS = 1 << 33
TICK = 150  # time stamps count 1/600 s: 24, 25, 30, 50 and 60 frames a second fall on it
NUMBERS = 256
CHAINED_NUMBERS = 4  # enough to tell a gap within a bundle
REFERENCE_IDS = 8
_SIZES = SIZES  # by their code
_MAX_SIDE_BYTES = 4096
_MAX_PICTURE_BYTES = 1 << 20
MAX_MOTION_BYTES = 1024  # of symbols, so that a motion half fits a message


@dataclass(frozen=True, slots=True)
class Opening:
    """What an intra reference says of the stream that it opens, and of its own place in it."""

    size: int
    weights_id: bytes
    pts: int
    duration: int
    qp: int


@dataclass(frozen=True, slots=True)
class CodedReference:
    """A reference picture as coded. `symbols` and `picture` are opaque here."""

    id: int
    opening: Opening | None  # of an intra reference
    symbols: bytes
    picture: bytes

    @property
    def intra(self) -> bool:
        """Whether it can be decoded alone."""
        return self.opening is not None


@dataclass(frozen=True, slots=True)
class CodedMotion:
    """The motion of one frame as coded. `symbols` is opaque here."""

    reference_id: int
    chained: bool
    base: bool
    qp: int | None  # None: that of the reference or, in a chain, of the frame before
    timestamp: int | None
    symbols: bytes


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """One picture's bytes: parse(data) and bytes(frame) are each other's inverse.

    Numbers count modulo NUMBERS; that of a chained motion half alone, modulo CHAINED_NUMBERS.
    """

    number: int
    reference: CodedReference | None
    motion: CodedMotion | None

    @property
    def is_keyframe(self) -> bool:
        """Whether it can be decoded without anything before it."""
        return self.reference is not None and self.reference.intra

    def split(self) -> "tuple[CodedFrame | None, CodedFrame | None]":
        """The half for the reliable channel and the half for the lossy one, each a coded frame."""
        reference = CodedFrame(self.number, self.reference, None) if self.reference else None
        return reference, CodedFrame.moved(self.number, self.motion) if self.motion else None

    @classmethod
    def moved(cls, number: int, motion: CodedMotion) -> "CodedFrame":
        """A frame of a motion half alone."""
        return cls(number % CHAINED_NUMBERS if motion.chained else number, None, motion)

    def __bytes__(self) -> bytes:
        data = bytearray()
        if self.reference is not None:
            _write_reference(data, self.number, self.reference, with_motion=self.motion is not None)
        if self.motion is not None:
            _write_motion(data, self.number, self.motion)
        return bytes(data)

    @classmethod
    def parse(cls, data: bytes) -> "CodedFrame":
        """TruncatedError, VersionError or BitstreamError on anything that `bytes` does not write."""
        cursor = _Cursor(data)
        if cursor.peek() >> 6 != 1:
            number, motion = _parse_motion(cursor)
            return cls(number, None, motion)
        number, reference, with_motion = _parse_reference(cursor)
        if not with_motion:
            return cls(number, reference, None)
        if cursor.peek() >> 6 == 1:
            raise BitstreamError("a motion half should follow the reference half")
        motion_number, motion = _parse_motion(cursor)
        if (motion_number - number) % (CHAINED_NUMBERS if motion.chained else NUMBERS):
            raise BitstreamError("the halves of a coded frame carry different numbers")
        return cls(number, reference, motion)


class _Cursor:
    """A reader that never reads past the end."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._position = 0

    def peek(self) -> int:
        if self._position >= len(self._data):
            raise TruncatedError("a coded frame ends early")
        return self._data[self._position]

    def u8(self) -> int:
        value = self.peek()
        self._position += 1
        return value

    def u16(self) -> int:
        return self.u8() << 8 | self.u8()

    def varint(self, limit: int) -> int:
        value = 0
        for shift in range(0, 35, 7):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                if byte == 0 and shift:
                    raise BitstreamError("a number is written longer than it is")
                if value >= limit:
                    raise BitstreamError(f"a number of {value} where less than {limit} is allowed")
                return value
        raise BitstreamError("a number of more than five bytes")

    def take(self, count: int) -> bytes:
        if len(self._data) - self._position < count:
            raise TruncatedError("a coded frame ends early")
        part = self._data[self._position : self._position + count]
        self._position += count
        return part

    def rest(self, limit: int) -> bytes:
        count = len(self._data) - self._position
        if count > limit:
            raise BitstreamError(f"{count} bytes where at most {limit} are allowed")
        return self.take(count)


def _write_reference(data: bytearray, number: int, reference: CodedReference, *, with_motion: bool) -> None:
    opening = reference.opening
    data.append(0x40 | with_motion << 5 | reference.intra << 4 | reference.id << 1)
    if opening is not None:
        data.append(VERSION << 4 | _SIZES.index(opening.size) << 2)
    data.append(number)
    if opening is not None:
        assert len(opening.weights_id) == WEIGHTS_ID_BYTES
        data += opening.weights_id
        _write_varint(data, opening.pts % PTS_MODULUS)
        data += opening.duration.to_bytes(2, "big")
        data.append(opening.qp)
    _write_varint(data, len(reference.symbols))
    data += reference.symbols
    if with_motion:
        _write_varint(data, len(reference.picture))
    data += reference.picture


def _parse_reference(cursor: _Cursor) -> tuple[int, CodedReference, bool]:
    flags = cursor.u8()
    size = _parse_shape(cursor.u8()) if flags & 0x10 else None
    if flags & 1:
        raise BitstreamError("reserved bits are set in a reference")
    number = cursor.u8()
    opening = None if size is None else _parse_opening(cursor, size)
    with_motion = bool(flags & 0x20)
    symbols = cursor.take(cursor.varint(_MAX_SIDE_BYTES))
    length = cursor.varint(_MAX_PICTURE_BYTES) if with_motion else None
    picture = cursor.rest(_MAX_PICTURE_BYTES - 1) if length is None else cursor.take(length)
    return number, CodedReference(flags >> 1 & 7, opening, symbols, picture), with_motion


def _parse_shape(shape: int) -> int:
    if shape >> 4 != VERSION:
        raise VersionError(f"bitstream version {shape >> 4}; this build reads version {VERSION}")
    if shape & 3 or (shape >> 2 & 3) >= len(_SIZES):
        raise BitstreamError("reserved bits are set in a reference")
    return _SIZES[shape >> 2 & 3]


def _parse_opening(cursor: _Cursor, size: int) -> Opening:
    weights_id, pts = cursor.take(WEIGHTS_ID_BYTES), cursor.varint(PTS_MODULUS)
    duration, qp = cursor.u16(), cursor.u8()
    if qp > MAX_QP:
        raise BitstreamError(f"qp {qp}")
    return Opening(size, weights_id, pts, duration, qp)


def _write_motion(data: bytearray, number: int, motion: CodedMotion) -> None:
    stamped = motion.timestamp is not None
    flags = stamped << 4 | motion.base << 3 | motion.reference_id
    if motion.chained:
        assert motion.qp is None
        data.append(0x80 | flags << 2 | number % CHAINED_NUMBERS)
    else:
        data.append((motion.qp is not None) << 5 | flags)
        data.append(number)
    if motion.qp is not None:
        data.append(motion.qp)
    if motion.timestamp is not None:
        data += motion.timestamp.to_bytes(2, "big")
    data += motion.symbols


def _parse_motion(cursor: _Cursor) -> tuple[int, CodedMotion]:
    flags, qp = cursor.u8(), None
    chained = bool(flags & 0x80)
    if chained:
        number, flags = flags % CHAINED_NUMBERS, flags >> 2
    else:
        number = cursor.u8()
        if flags & 0x20:
            qp = cursor.u8()
            if qp > MAX_QP:
                raise BitstreamError(f"qp {qp}")
    timestamp = cursor.u16() if flags & 0x10 else None
    symbols = cursor.rest(MAX_MOTION_BYTES)
    return number, CodedMotion(flags & 7, chained, bool(flags & 8), qp, timestamp, symbols)


def _write_varint(data: bytearray, value: int) -> None:
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
