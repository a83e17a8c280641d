"""Stages 5 and 7, bundle: the motion halves of consecutive frames as one entropy-coded unit, and back.

A frame alone ends with a byte begun and starts with one or two of header: a fifth of everything at the lowest rates.
Together they share one beginning and one end (codec.bits.packet says how a unit becomes a message):

    chained     whether the first frame continues one that is not in this unit
    number      of the first frame: 8 bits, 2 if it is chained; the others count on from it
    base        whether the base layer's warp is used
    reference   3 bits
    qp          only if not chained: whether there is one, then 6 bits
    for each frame
        stamped     whether a time stamp follows; the first takes 16 bits, later ones what they are off the last step
        still       whether nothing differs from what it is coded against
        the walk of codec.state.chain, unless it is still

Frames after the first are chained to the one before them, move the same reference and use the same base layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codec.bits.bitstream import CHAINED_NUMBERS, MAX_MOTION_BYTES, NUMBERS, REFERENCE_IDS, CodedFrame, CodedMotion
from codec.bits.entropy import Coder, Reader, Writer, flag, whole_bytes
from codec.bits.packet import MAX_FRAMES, MOTION_HEADER, MotionMessage
from codec.bits.quantizer import SYMBOL_LIMIT
from codec.bits.symbols import SymbolCoder
from codec.errors import BitstreamError, ConfigError
from codec.state.chain import ALL_WINDOWS, Chain, activities_of, no_difference, read_frame, walk_frame, write_frame
from codec.units import MAX_QP
from codec.weights.files import load

__all__ = ["BundleCoder", "information_bits", "symbols_bits"]

_STAMPS = 1 << 16
_FIRST_BITS, _END_BITS, _STAMP_BITS = 14, 4, 7  # of a unit's beginning, a frame's own end, a time stamp in the mean
_STAMPED = {None: "some", False: "none yet", True: "one before"}  # by whether the frame before is
_SHARES = {
    **{"chained": 0.01, "base": 0.97, "qp": 0.1, "still": 0.03},
    **{"some": 0.3, "none yet": 0.01, "one before": 0.98, "far": 0.001},
}  # of the units whose flag is set
_STEP = 22  # ticks from one time stamp to the next: between those of 25 and of 30 frames a second
_STEP_SCALE = 9  # table of what a step is off the one before


@dataclass(frozen=True, slots=True)
class _Head:
    """What the frames of a unit share."""

    chained: bool
    number: int
    base: bool
    reference_id: int
    qp: int | None


@dataclass(frozen=True, slots=True)
class _Link:
    """What each has of its own; no difference where it is still."""

    timestamp: int | None
    difference: Chain | None


class BundleCoder:
    """Packs and unpacks with the tables of one weight file; cheap once the weights are loaded."""

    def __init__(self, symbols: SymbolCoder) -> None:
        self._symbols = symbols

    @classmethod
    def of(cls, weights: str) -> "BundleCoder":
        """By the name of the weights. WeightsError when they are absent or damaged."""
        return cls(load(weights).symbols)

    def pack(self, frames: Sequence[CodedFrame]) -> bytes:
        """Motion halves, of which all but the first are chained -> the bytes of the unit.

        ConfigError where they do not follow each other.
        """
        head, links = self._taken_apart(frames)
        writer = Writer(self._symbols.models)
        _walk_head(writer, head)
        windows = ALL_WINDOWS
        times = _Times()
        for link in links:
            times.walk(writer, link.timestamp)
            windows = _walk_difference(self._symbols, writer, link, windows=windows)[1]
        return writer.to_bytes() or b"\0"

    def unpack(self, data: bytes, *, count: int) -> list[CodedFrame]:
        """The bytes of a unit of so many frames -> the frames. BitstreamError on damage that shows."""
        reader = Reader(data, self._symbols.models)
        head = _walk_head(reader, _Head(False, 0, False, 0, None))
        frames, windows, times = list[CodedFrame](), ALL_WINDOWS, _Times()
        for index in range(count):
            timestamp = times.walk(reader, None)
            difference, windows = _walk_difference(self._symbols, reader, None, windows=windows)
            symbols = b"" if difference is None else self._alone(difference)
            chained = head.chained or index > 0
            qp = None if chained else head.qp
            motion = CodedMotion(head.reference_id, chained, head.base, qp, timestamp, symbols)
            frames.append(CodedFrame.moved(head.number + index, motion))
        return frames

    def _alone(self, difference: Chain) -> bytes:
        """A difference as a frame of its own writes it; BitstreamError for one that no encoder could have."""
        parts = (difference.motion, difference.face, difference.residual)
        if max(int(np.abs(part).max()) for part in parts) > 2 * SYMBOL_LIMIT:
            raise BitstreamError("a difference beyond the range of what is coded")
        symbols, _ = write_frame(self._symbols, difference, windows=None)
        if len(symbols) > MAX_MOTION_BYTES:
            raise BitstreamError(f"{len(symbols)} bytes of motion")
        return symbols

    def messages(self, frames: Sequence[bytes], *, first_sequence: int, limit: int) -> list[MotionMessage]:
        """Motion halves as bytes, of one bundle -> as few messages of at most `limit` bytes as hold them, in order.

        Where that is more than one, frames of a later one need those before. ConfigError for a frame that fits none.
        """
        units = self._units([CodedFrame.parse(frame) for frame in frames], limit - MOTION_HEADER.size)
        return [
            MotionMessage((first_sequence + index) % (1 << 16), count, data)
            for index, (count, data) in enumerate(units)
        ]

    def _units(self, frames: Sequence[CodedFrame], room: int) -> list[tuple[int, bytes]]:
        if len(frames) <= MAX_FRAMES:
            data = self.pack(frames)
            if len(data) <= room:
                return [(len(frames), data)]
            if len(frames) == 1:
                raise ConfigError(f"a frame of {len(data)} bytes of motion where {room} fit")
        half = len(frames) // 2
        return [*self._units(frames[:half], room), *self._units(frames[half:], room)]

    def _taken_apart(self, frames: Sequence[CodedFrame]) -> tuple[_Head, list[_Link]]:
        first = frames[0].motion
        if first is None:
            raise ConfigError("a bundle is of motion halves")
        head = _Head(first.chained, frames[0].number, first.base, first.reference_id, first.qp)
        links = list[_Link]()
        for index, frame in enumerate(frames):
            motion = frame.motion
            if motion is None or frame.reference is not None or (index and not _continues(head, frame, index)):
                raise ConfigError("the frames of a bundle are motion halves that continue each other")
            difference = None
            if motion.symbols:
                difference = read_frame(self._symbols, motion.symbols, qp=0, windows=ALL_WINDOWS)
            links.append(_Link(motion.timestamp, difference))
        return head, links


def symbols_bits(motion: CodedMotion) -> int:
    """What a frame's symbols take in a bundle, about: those of one alone end with a byte begun."""
    return max(0, 8 * len(motion.symbols) - _END_BITS)


def information_bits(motion: CodedMotion) -> int:
    """What a frame's motion takes in its bundle, about: its symbols, and what the first one brings along."""
    bits = symbols_bits(motion)
    if not motion.chained:
        bits += _FIRST_BITS + _END_BITS
    return bits + (_STAMP_BITS if motion.timestamp is not None else 0)


def _continues(head: _Head, frame: CodedFrame, index: int) -> bool:
    motion = frame.motion
    assert motion is not None
    return (
        motion.chained
        and (motion.reference_id, motion.base) == (head.reference_id, head.base)
        and (head.number + index - frame.number) % CHAINED_NUMBERS == 0
    )


def _walk_head(coder: Coder, head: _Head) -> _Head:
    chained = _flag(coder, "chained", head.chained)
    number = coder.uniform(head.number, CHAINED_NUMBERS if chained else NUMBERS)
    base = _flag(coder, "base", head.base)
    reference_id = coder.uniform(head.reference_id, REFERENCE_IDS)
    qp = None
    if not chained and _flag(coder, "qp", head.qp is not None):
        qp = coder.uniform(head.qp or 0, MAX_QP + 1)
    return _Head(chained, number, base, reference_id, qp)


class _Times:
    """The time stamps of a unit, as they pass through the coder: a camera's steps differ little."""

    def __init__(self) -> None:
        self._stamped: bool | None = None  # the frame before
        self._last: int | None = None
        self._step = _STEP

    def walk(self, coder: Coder, timestamp: int | None) -> int | None:
        """One frame's, None where it has none; a reader's comes back."""
        self._stamped = _flag(coder, _STAMPED[self._stamped], timestamp is not None)
        if not self._stamped:
            return None
        value = timestamp or 0
        off = 0 if self._last is None else (value - self._last - self._step + _STAMPS // 2) % _STAMPS - _STAMPS // 2
        if self._last is None or _flag(coder, "far", abs(off) > SYMBOL_LIMIT):
            self._last = whole_bytes(coder, value, 2)
        else:
            self._step += coder.symbol(off, _STEP_SCALE)
            self._last = (self._last + self._step) % _STAMPS
        return self._last


def _walk_difference(
    symbols: SymbolCoder, coder: Coder, link: _Link | None, *, windows: int
) -> tuple[Chain | None, int]:
    """A frame's difference through the coder, a reader where there is no link; and the windows the next leans on."""
    difference = link.difference if link else None
    if _flag(coder, "still", link is not None and difference is None):
        return None, windows
    activities = (0, 0, 0) if difference is None else activities_of(symbols, difference)
    difference = difference or no_difference(qp=0, windows=windows)
    read = walk_frame(symbols, coder, difference, windows=windows, activities=activities)
    return read, read.windows


def _flag(coder: Coder, name: str, value: bool) -> bool:
    return flag(coder, value, _SHARES[name])
