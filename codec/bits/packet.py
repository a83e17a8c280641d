"""Stages 5 and 7, coded frames <-> messages, both ways in one file.

How long a message may be is the transport's to say (`limit`, in bytes); a reader takes any length. The two kinds travel
on channels of their own and are not told apart by their bytes. All numbers are big-endian; version is 1.

Motion message (unordered, never retransmitted), 3 bytes and one more a frame in all but the last:

    u8      version << 4 | number of frames - 1                       1..16 frames: one bundle where it fits
    u16     sequence, counts messages modulo 65,536
    for each frame but the last: its length as u8, or 255 and a u16   the last one runs to the end of the message
    the frames, one after another: the motion half of a coded frame each, never empty

Reference fragment (reliable), 5 bytes:

    u8      version << 4
    u16     transfer, counts coded references modulo 65,536
    u8      index of this fragment
    u8      number of fragments - 1
    the bytes: all fragments but the last have one length, none is empty
"""

import struct
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from codec.errors import BitstreamError, ConfigError, TruncatedError, VersionError

__all__ = [
    "MAX_FRAGMENTS",
    "MAX_FRAMES",
    "MotionMessage",
    "ReferenceAssembler",
    "ReferenceFragment",
    "pack_motion",
    "pack_reference",
]

MAX_FRAMES = 16
VERSION = 1
LONG_LENGTH = 255

MOTION_HEADER = struct.Struct(">BH")
FRAGMENT_HEADER = struct.Struct(">BHBB")
MAX_FRAGMENTS = 256
_MAX_LENGTH = 0xFFFF  # of a frame in a bundle, and of a fragment


@dataclass(frozen=True, slots=True)
class MotionMessage:
    """A bundle of motion halves, oldest first, as it crosses the motion channel."""

    sequence: int
    frames: tuple[bytes, ...]

    def __bytes__(self) -> bytes:
        """Write the message; ConfigError on a field out of range."""
        if not 1 <= len(self.frames) <= MAX_FRAMES or not all(self.frames):
            raise ConfigError(f"a motion message holds 1..{MAX_FRAMES} frames, none empty")
        if not 0 <= self.sequence <= 0xFFFF:
            raise ConfigError(f"sequence {self.sequence} is not a u16")
        if max(map(len, self.frames)) > _MAX_LENGTH:
            raise ConfigError(f"a frame of more than {_MAX_LENGTH} bytes in a motion message")
        header = MOTION_HEADER.pack(VERSION << 4 | len(self.frames) - 1, self.sequence)
        return header + b"".join(_length(frame) for frame in self.frames[:-1]) + b"".join(self.frames)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a message; raises TruncatedError, VersionError or BitstreamError."""
        _check_length(data, MOTION_HEADER.size)
        first, sequence = MOTION_HEADER.unpack_from(data)
        if first >> 4 != VERSION:
            raise VersionError(f"motion message of version {first >> 4}")
        position = MOTION_HEADER.size
        lengths = []
        for _ in range(first & 15):
            length, position = _read_length(data, position)
            lengths.append(length)
        frames = []
        for length in lengths:
            frames.append(data[position : position + length])
            position += length
        if position >= len(data):
            raise TruncatedError("a motion message ends before its last frame")
        return cls(sequence, (*frames, data[position:]))


@dataclass(frozen=True, slots=True)
class ReferenceFragment:
    """A piece of the reference half of a coded frame, as it crosses the reference channel."""

    transfer: int
    index: int
    count: int
    data: bytes

    def __bytes__(self) -> bytes:
        """Write the fragment; ConfigError on a field out of range."""
        if not 0 <= self.transfer <= 0xFFFF or not 0 <= self.index < self.count <= MAX_FRAGMENTS:
            raise ConfigError(f"fragment {self.index} of {self.count} in transfer {self.transfer} is out of range")
        if not 0 < len(self.data) <= _MAX_LENGTH:
            raise ConfigError(f"a fragment of {len(self.data)} bytes")
        return FRAGMENT_HEADER.pack(VERSION << 4, self.transfer, self.index, self.count - 1) + self.data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a fragment; raises TruncatedError, VersionError or BitstreamError."""
        _check_length(data, FRAGMENT_HEADER.size)
        first, transfer, index, last = FRAGMENT_HEADER.unpack_from(data)
        if first >> 4 != VERSION:
            raise VersionError(f"reference fragment of version {first >> 4}")
        if first & 15:
            raise BitstreamError("a reference fragment sets bits that have no meaning yet")
        if index > last:
            raise BitstreamError(f"reference fragment {index} of {last + 1}")
        return cls(transfer, index, last + 1, data[FRAGMENT_HEADER.size :])


def pack_motion(frames: Iterable[bytes], *, first_sequence: int, limit: int) -> list[MotionMessage]:
    """Put a bundle's frames into as few messages of at most `limit` bytes as hold them, in order.

    Where a bundle takes several messages, frames chained to one in an earlier message need that message too.
    Raises ConfigError for a frame that fits no message.
    """
    bundles: list[list[bytes]] = []
    used = 0
    for frame in frames:
        if not bundles or used + len(frame) > limit or len(bundles[-1]) == MAX_FRAMES:
            bundles.append([])
            used = MOTION_HEADER.size
        bundles[-1].append(frame)
        used += len(frame) + len(_length(frame))
    messages = [MotionMessage((first_sequence + i) & 0xFFFF, tuple(bundle)) for i, bundle in enumerate(bundles)]
    for message in messages:  # what cannot be sent is refused here, and not when it is sent
        if (size := len(bytes(message))) > limit:
            raise ConfigError(f"a motion message of {size} bytes exceeds {limit}")
    return messages


def pack_reference(data: bytes, *, transfer: int, limit: int) -> list[ReferenceFragment]:
    """Cut the bytes of a reference half into fragments of at most `limit` bytes, header included.

    ConfigError if there are none, or more than MAX_FRAGMENTS fragments hold.
    """
    size = limit - FRAGMENT_HEADER.size
    if not 0 < len(data) <= MAX_FRAGMENTS * size:
        raise ConfigError(f"a reference of {len(data)} bytes does not fit a transfer")
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [ReferenceFragment(transfer & 0xFFFF, index, len(pieces), piece) for index, piece in enumerate(pieces)]


class ReferenceAssembler:
    """Puts fragments together again, in any order, holding at most `transfers` unfinished ones."""

    def __init__(self, *, transfers: int = 4) -> None:
        self._transfers = transfers
        self._partial: OrderedDict[int, list[bytes | None]] = OrderedDict()

    def add(self, fragment: ReferenceFragment) -> bytes | None:
        """Take a fragment; return the reference once it is whole. BitstreamError if it contradicts an earlier one."""
        pieces = self._partial.setdefault(fragment.transfer, [None] * fragment.count)
        if len(pieces) != fragment.count or not _fits(pieces, fragment):
            del self._partial[fragment.transfer]
            raise BitstreamError(f"fragments of transfer {fragment.transfer} contradict each other")
        pieces[fragment.index] = fragment.data
        whole = _join(pieces)
        if whole is not None:
            del self._partial[fragment.transfer]
        elif len(self._partial) > self._transfers:
            self._partial.popitem(last=False)
        return whole


def _fits(pieces: Sequence[bytes | None], fragment: ReferenceFragment) -> bool:
    """Whether a fragment is the one that may be here already, and as long as the others before the last."""
    here = pieces[fragment.index]
    if fragment.index == fragment.count - 1:
        return here in (None, fragment.data)
    lengths = {len(piece) for piece in pieces[:-1] if piece is not None} | {len(fragment.data)}
    return here in (None, fragment.data) and len(lengths) == 1


def _join(pieces: Sequence[bytes | None]) -> bytes | None:
    present = [piece for piece in pieces if piece is not None]
    return b"".join(present) if len(present) == len(pieces) else None


def _check_length(data: bytes, header: int) -> None:
    if len(data) <= header:
        raise TruncatedError(f"a message of {len(data)} bytes")


def _length(frame: bytes) -> bytes:
    if len(frame) < LONG_LENGTH:
        return bytes([len(frame)])
    return struct.pack(">BH", LONG_LENGTH, min(len(frame), 0xFFFF))


def _read_length(data: bytes, position: int) -> tuple[int, int]:
    size = 1
    if position < len(data) and data[position] == LONG_LENGTH:
        size = 3
    if position + size > len(data):
        raise TruncatedError("a motion message ends within its lengths")
    length = data[position] if size == 1 else int.from_bytes(data[position + 1 : position + 3])
    if length == 0 or (size == 3 and length < LONG_LENGTH):
        raise BitstreamError("a motion message holds an empty frame, or a length in a longer form than it needs")
    return length, position + size
