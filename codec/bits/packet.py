"""Stages 5 and 7, coded frames <-> messages, both ways in one file.

How long a message may be is the transport's to say (`limit`, in bytes); a reader takes any length. The two kinds travel
on channels of their own and are not told apart by their bytes. All numbers are big-endian.

Motion message (unordered, never retransmitted), version 2, 3 bytes:

    u8      version << 4 | number of frames - 1                       1..16 frames
    u16     sequence, counts messages modulo 65,536
    the rest: the frames' motion halves as one unit (codec.state.bundle), never empty

Reference fragment (reliable), version 1, 5 bytes:

    u8      version << 4
    u16     transfer, counts coded references modulo 65,536
    u8      index of this fragment
    u8      number of fragments - 1
    the bytes: all fragments but the last have one length, none is empty
"""

import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from codec.errors import BitstreamError, ConfigError, TruncatedError, VersionError

__all__ = [
    "MAX_FRAGMENTS",
    "MAX_FRAMES",
    "MotionMessage",
    "ReferenceAssembler",
    "ReferenceFragment",
    "pack_reference",
]

MAX_FRAMES = 16
VERSION = 1
MOTION_VERSION = 3

MOTION_HEADER = struct.Struct(">BH")
FRAGMENT_HEADER = struct.Struct(">BHBB")
MAX_FRAGMENTS = 256
_MAX_LENGTH = 0xFFFF  # of a fragment


@dataclass(frozen=True, slots=True)
class MotionMessage:
    """The motion halves of `count` frames, packed as one unit, as they cross the motion channel."""

    sequence: int
    count: int
    unit: bytes

    def __bytes__(self) -> bytes:
        """Write the message; ConfigError on a field out of range."""
        if not 1 <= self.count <= MAX_FRAMES or not self.unit:
            raise ConfigError(f"a motion message holds 1..{MAX_FRAMES} frames, and is not empty")
        if not 0 <= self.sequence <= 0xFFFF:
            raise ConfigError(f"sequence {self.sequence} is not a u16")
        return MOTION_HEADER.pack(MOTION_VERSION << 4 | self.count - 1, self.sequence) + self.unit

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a message; raises TruncatedError or VersionError."""
        _check_length(data, MOTION_HEADER.size)
        first, sequence = MOTION_HEADER.unpack_from(data)
        if first >> 4 != MOTION_VERSION:
            raise VersionError(f"motion message of version {first >> 4}; this build reads version {MOTION_VERSION}")
        return cls(sequence, (first & 15) + 1, data[MOTION_HEADER.size :])


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
