"""Stages 4 and 8, AV1 picture headers: what SVT-AV1 says before each picture, in two to five bytes for seventeen.

At a few hundred bytes a reference, the header of its frame OBU is a twentieth of it, and nearly all of it is known
beforehand: which pictures it refers to and which it replaces follow from how many came before (the low-delay structure
of SVT-AV1 4), tools are on or off for a whole stream, and the step is that of the quality index. What is left are the
filters' strengths. Their bits, from the highest:

    u       0: nothing is left out, the payload of the OBU follows after seven more bits of 0
    base    8 bits: base_q_idx, in an intra picture and where the quality index is not told; else it follows from that
    tools   0: steps of superblocks in units of eight, motion may warp. 1: the unit's 2 bits, the bit for warped motion
            (none in an intra picture)
    levels  00: no deblocking. 01: 6 bits, the level for luma both ways; half of it for chroma.
            10: the same 6 bits, then what Cb differs from half of it and Cr from Cb, as signed Exp-Golomb codes.
            11: four levels of 6 bits
    cdef    0: damping 6, strengths 15 2 15 0. 10: damping 6, all strengths 0.
            11: damping (2), bits (2), and 12 bits for each set of strengths
    filter  0: no loop restoration. 1: three types of 2 bits, then the bits of their unit sizes as AV1 has them

then zeros to the next byte, and the tile. Fields and their order are those of the AV1 specification, 5.9.2. A header
that says anything else (another encoder, a tool that is new) goes as it is: a wrong guess costs bits and no more.
"""

from dataclasses import dataclass

from codec.errors import BitstreamError, TruncatedError

__all__ = ["pack_header", "pack_sequence", "unpack_header", "unpack_sequence"]

Levels = tuple[int, int, int, int]  # of the deblocking filter: luma vertically and horizontally, Cb, Cr
Strengths = tuple[
    tuple[int, ...], ...
]  # of CDEF: luma primary and secondary, chroma primary and secondary, of each set

_PERIOD, _SLOTS = 8, 3  # pictures of a mini-GOP; slots each layer's pictures take turns in: 0 .. 2 and 3 .. 5
_USUAL = 0x80  # of the byte before a sequence header: it is left out
_COARSEST = {62: 249, 63: 255}  # base_q_idx where it is not four to a quality index
_LARGEST_OF_LEVEL_0 = 384  # a square of as many samples as level 2.0 has
_DAMPING = 3  # minus 3
_USUAL_STRENGTHS: Strengths = ((15, 2, 15, 0),)
_NO_STRENGTHS: Strengths = ((0, 0, 0, 0),)
_CODED_SLOT = 7  # one that only an intra picture fills


class _UnusualError(Exception):
    """A header that this file does not foresee."""


@dataclass(frozen=True, slots=True)
class _Header:
    """What differs from picture to picture, as AV1 names it."""

    base_q_idx: int
    unit: int  # delta_q_res
    warps: int  # allow_warped_motion; an intra picture has none
    levels: Levels
    damping: int
    strengths: Strengths
    restoration: str  # bits of lr_type and of what follows them


class _Bits:
    """Bits from the highest on, read in order."""

    def __init__(self, data: bytes) -> None:
        self._data, self.position = data, 0

    def take(self, width: int) -> int:
        end = self.position + width
        if end > 8 * len(self._data):
            raise TruncatedError("a reference ends within its picture's header")
        part = self._data[self.position // 8 : (end + 7) // 8]
        self.position = end
        return (int.from_bytes(part, "big") >> -end % 8) & ((1 << width) - 1)

    def text(self, width: int) -> str:
        return format(self.take(width), f"0{width}b") if width else ""

    @property
    def bytes_begun(self) -> int:
        return (self.position + 7) // 8


def pack_sequence(payload: bytes, *, size: int) -> bytes:
    """The payload of a sequence header OBU -> a byte that says for which side it is the usual one, or itself."""
    if payload == _sequence(size) and size % 8 == 0 and size // 8 < _USUAL:
        return bytes([_USUAL | size // 8])
    return bytes([len(payload)]) + payload


def unpack_sequence(data: bytes, *, most: int) -> tuple[bytes, int]:
    """The inverse: the payload, and how many bytes it took.

    TruncatedError where they end early, BitstreamError for a payload of more than `most` bytes.
    """
    if not data:
        raise TruncatedError("a reference ends before its sequence header")
    if data[0] & _USUAL:
        return _sequence(8 * (data[0] ^ _USUAL)), 1
    end = 1 + data[0]
    if data[0] > most:
        raise BitstreamError(f"a sequence header of {data[0]} bytes")
    if len(data) < end:
        raise TruncatedError("a reference ends within its sequence header")
    return data[1:end], end


def pack_header(payload: bytes, *, count: int, crf: int) -> bytes:
    """The payload of a frame OBU -> the same with its header told shorter.

    `count`: pictures of the stream before this one; `crf`: the quality index that is told of it, 0 where none is.
    """
    try:
        header = _parsed(_Bits(payload), count)
        written = _as_bytes(_rendered(header, count))
        if not payload.startswith(written) or (_follows(count, crf) and header.base_q_idx != _step(crf)):
            raise _UnusualError
    except (_UnusualError, TruncatedError):
        return b"\0" + payload
    return _as_bytes("1" + _told(header, count, crf)) + payload[len(written) :]


def unpack_header(data: bytes, *, count: int, crf: int) -> bytes:
    """The inverse. TruncatedError where the bytes end early."""
    bits = _Bits(data)
    if not bits.take(1):
        return data[1:]
    header = _heard(bits, count, crf)
    return _as_bytes(_rendered(header, count)) + data[bits.bytes_begun :]


def _told(header: _Header, count: int, crf: int) -> str:
    parts = ["" if _follows(count, crf) else f"{header.base_q_idx:08b}"]
    if (header.unit, header.warps) == (_USUAL_UNIT, 1):
        parts.append("0")
    else:
        parts.append(f"1{header.unit:02b}" + (f"{header.warps}" if count else ""))
    parts.append(_levels_told(header.levels))
    if header.damping == _DAMPING and header.strengths in (_USUAL_STRENGTHS, _NO_STRENGTHS):
        parts.append("0" if header.strengths == _USUAL_STRENGTHS else "10")
    else:
        parts.append("11" + _cdef_rendered(header))
    parts.append("1" + header.restoration if int(header.restoration, 2) else "0")
    return "".join(parts)


def _heard(bits: _Bits, count: int, crf: int) -> _Header:
    base_q_idx = _step(crf) if _follows(count, crf) else bits.take(8)
    unit, warps = _USUAL_UNIT, 1
    if bits.take(1):
        unit, warps = bits.take(2), bits.take(1) if count else 1
    levels = _levels_heard(bits)
    damping, strengths = _DAMPING, _USUAL_STRENGTHS
    if bits.take(1):
        damping, strengths = _cdef_parsed(bits) if bits.take(1) else (_DAMPING, _NO_STRENGTHS)
    restoration = _restoration_parsed(bits) if bits.take(1) else "0" * 6
    return _Header(base_q_idx, unit, warps, levels, damping, strengths, restoration)


def _levels_told(levels: Levels) -> str:
    luma, other, blue, red = levels
    if not luma and not other:
        return "00"
    if luma != other:
        return "11" + "".join(f"{level:06b}" for level in levels)
    if blue == red == luma // 2:
        return f"01{luma:06b}"
    return f"10{luma:06b}" + _golomb(blue - luma // 2) + _golomb(red - blue)


def _levels_heard(bits: _Bits) -> Levels:
    way = bits.take(2)
    if way == 0:
        return 0, 0, 0, 0
    luma = bits.take(6)
    if way == 3:
        return luma, bits.take(6), bits.take(6), bits.take(6)
    if way == 1:
        return luma, luma, luma // 2, luma // 2
    blue = luma // 2 + _golomb_heard(bits)
    red = blue + _golomb_heard(bits)
    return luma, luma, blue % 64, red % 64


def _golomb(value: int) -> str:
    """Signed Exp-Golomb code (ITU-T H.264, 9.1.1)."""
    bits = f"{2 * abs(value) + (value <= 0):b}"
    return "0" * (len(bits) - 1) + bits


def _golomb_heard(bits: _Bits) -> int:
    zeros = 0
    while not bits.take(1):
        zeros += 1
        if zeros > 7:
            raise TruncatedError("a reference's header holds a code that does not end")
    code = 1 << zeros | (bits.take(zeros) if zeros else 0)
    return -(code // 2) if code % 2 else code // 2


def _parsed(bits: _Bits, count: int) -> _Header:
    """What differs, from a frame OBU's payload; whether the rest is as foreseen is seen by rendering it again."""
    bits.take(len(_opening(count)))
    base_q_idx = bits.take(8)
    bits.take(len(_QUANTISER))
    unit = bits.take(2)
    bits.take(1)
    luma, other = bits.take(6), bits.take(6)
    blue, red = (bits.take(6), bits.take(6)) if luma or other else (0, 0)
    bits.take(len(_SHARPNESS))
    damping, strengths = _cdef_parsed(bits)
    restoration = _restoration_parsed(bits)
    warps = 1
    if count:
        bits.take(3 if count > 1 else 2)
        warps = bits.take(1)
    return _Header(base_q_idx, unit, warps, (luma, other, blue, red), damping, strengths, restoration)


def _cdef_parsed(bits: _Bits) -> tuple[int, Strengths]:
    damping, sets = bits.take(2), 1 << bits.take(2)
    return damping, tuple((bits.take(4), bits.take(2), bits.take(4), bits.take(2)) for _ in range(sets))


def _restoration_parsed(bits: _Bits) -> str:
    types = bits.text(6)
    if not int(types, 2):
        return types
    shift = bits.text(1)
    if shift == "1":
        shift += bits.text(1)
    return types + shift + (bits.text(1) if int(types[2:], 2) else "")


def _rendered(header: _Header, count: int) -> str:
    """The header's bits as SVT-AV1 writes them."""
    luma, other, blue, red = header.levels
    levels = f"{luma:06b}{other:06b}" + (f"{blue:06b}{red:06b}" if luma or other else "")
    return "".join(
        (
            _opening(count),
            f"{header.base_q_idx:08b}",
            f"{_QUANTISER}{header.unit:02b}0",  # and the steps' offsets are not the filters'
            levels,
            _SHARPNESS,
            _cdef_rendered(header),
            header.restoration,
            _closing(count, warps=header.warps),
        )
    )


def _cdef_rendered(header: _Header) -> str:
    sets = (f"{a:04b}{b:02b}{c:04b}{d:02b}" for a, b, c, d in header.strengths)
    return f"{header.damping:02b}{len(header.strengths).bit_length() - 1:02b}" + "".join(sets)


# No matrices, no offsets of single planes, no segments; superblocks have steps of their own, in units of
_QUANTISER, _USUAL_UNIT = "0000" + "0" + "1", 3
_SHARPNESS = "1110"  # 7, and no levels of single references


def _opening(count: int) -> str:
    """All that stands before base_q_idx."""
    if not count:
        # A shown key frame: tools of screen content off, order 0, no other size to show, one tile.
        return "0001" + "000" + "0" * 7 + "0" + "0" + "100"
    layer = _structure(count)
    slots = "".join(f"{slot:03b}" for slot in layer.references)
    named = f"{count % 128:07b}{layer.primary:03b}{1 << layer.replaces:08b}0{slots}"
    # A shown inter frame; motion in whole quarters, filters and motion modes switchable, motion of references used.
    return "0011" + "0000" + named + "0" + "0111" + "0" + "100"


def _closing(count: int, *, warps: int) -> str:
    """All that stands after the filters."""
    if not count:
        return "10"  # transform sizes are chosen, from all of them
    sizes = "1" if count % _PERIOD == 0 else "0"
    skip_mode = "1" if count > 1 else ""  # there is no such bit while all references are one picture
    return f"{sizes}1{skip_mode}{warps}0" + "0" * 7  # compound pictures; no reduced set, no global motion


@dataclass(frozen=True, slots=True)
class _Layer:
    """Which slots a picture refers to (LAST .. ALTREF) and replaces, and whose statistics it starts from."""

    references: tuple[int, ...]
    replaces: int
    primary: int


def _structure(count: int) -> _Layer:
    """Every eighth picture lies below the others; both layers take turns in three slots of their own."""
    key = _SLOTS - 1  # the slot that stands for the intra picture until there are others
    age = (count - 1) // _PERIOD  # pictures of the lower layer before this one, the intra one aside
    upper = count - 1 - age  # of the other layer
    below = (age - 1) % _SLOTS if age else key
    oldest = below if age < _SLOTS else (below + 1) % _SLOTS
    last, second, third = (_SLOTS + (upper - back) % _SLOTS for back in (1, 2, 3))
    references = (
        below,
        second if upper > 1 else key,
        _CODED_SLOT if age else key,
        oldest,
        last,
        third if upper > 2 else last,
        (age - 2) % _SLOTS if age > 1 else last,
    )
    if count % _PERIOD == 0:
        return _Layer(references, (count // _PERIOD - 1) % _SLOTS, 0)
    return _Layer(references, _SLOTS + upper % _SLOTS, _primary(count))


def _primary(count: int) -> int:
    if count < 3 or count % 4 == 0:
        return 0
    return {1: 4, 2: 5}.get(count % _PERIOD, 1)


def _follows(count: int, crf: int) -> bool:
    """Whether base_q_idx does, from the quality index."""
    return bool(count and crf)


def _step(crf: int) -> int:
    return _COARSEST.get(crf, 4 * crf)


def _sequence(size: int) -> bytes:
    """The sequence header that SVT-AV1 writes for a picture of that side with the settings of `codec.reference.av1`."""
    size = max(size, 8)  # of a damaged byte
    width = (size - 1).bit_length()
    sides = f"{width - 1:04b}{width - 1:04b}" + 2 * f"{size - 1:0{width}b}"
    level = f"{int(size > _LARGEST_OF_LEVEL_0):05b}"
    # Profile 0, moving, no timing; one operating point. Tools in the order of the specification's 5.5.1.
    tools = "0" + "0" + "11" + "10" + "10" + "1" + "01" + "11" + "110" + "011"
    return _as_bytes(
        "000" + "00" + "0" + "0" + "00000" + "0" * 12 + level + sides + tools + "000" + "1" + "00" + "00" + "1"
    )


def _as_bytes(bits: str) -> bytes:
    """Bits, zeros to the end of the last byte."""
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
