"""Stages 5 and 7, sound: Opus packets <-> messages, each of which may repeat the sound before it and carry motion.

Sound message (unordered, never resent), version 1; all numbers are big-endian:

    u8      version << 4 | 4: the rest is a motion message | 1: frames are of 60 ms, else 40 | other bits are 0
    u8      number of new frames - 1 << 4 | number of repeated frames           1..16 and 0..15
    u16     sequence of the first new frame, counts frames modulo 65,536; silent ones count too
    u32     time of that frame's first sample on the sender's clock in 1/90000 s, modulo 2^32
    lengths of all frames, repeated ones first, in the code of RFC 6716, 3.2.1: one byte up to 251, else two;
            0 is a frame that is silent (DTX)
    the frames' bytes, in that order
    the rest: with the flag a message of the motion channel, as it is, never empty; without it nothing

The repeated frames are those directly before the first new one.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from codec.errors import BitstreamError, ConfigError, TruncatedError, VersionError
from codec.sound.opus import FrameMs

__all__ = ["MAX_FRAMES", "SEQUENCES", "TIMES", "SoundMessage"]

VERSION = 1
MAX_FRAMES = 16
SEQUENCES = 1 << 16
TIMES = 1 << 32  # 13 hours

HEADER = struct.Struct(">BBHI")
_LONG_FRAMES, _CARRIES = 1, 4
_ONE_BYTE = 251
_MAX_LENGTH = 1275  # the longest that two bytes say, and the longest of an Opus frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundMessage:
    """Some frames in a row. `frames` are new, `repeated` those before them; `motion` is a motion message or nothing."""

    sequence: int
    time: int  # 1/90000 s
    frames: tuple[bytes, ...]
    repeated: tuple[bytes, ...] = ()
    frame_ms: FrameMs = 40
    motion: bytes = b""

    def __bytes__(self) -> bytes:
        """Write the message; ConfigError on a field out of range."""
        if not 1 <= len(self.frames) <= MAX_FRAMES or len(self.repeated) >= MAX_FRAMES:
            raise ConfigError(f"a sound message holds 1..{MAX_FRAMES} frames and repeats up to {MAX_FRAMES - 1}")
        if not 0 <= self.sequence < SEQUENCES or not 0 <= self.time < TIMES:
            raise ConfigError(f"sequence {self.sequence} or time {self.time} is out of range")
        every = self.repeated + self.frames
        first = VERSION << 4 | (_LONG_FRAMES if self.frame_ms == 60 else 0) | (_CARRIES if self.motion else 0)
        head = HEADER.pack(first, len(self.frames) - 1 << 4 | len(self.repeated), self.sequence, self.time)
        return b"".join([head, *map(_length, every), *every, self.motion])

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a message; raises TruncatedError, VersionError or BitstreamError."""
        if len(data) < HEADER.size:
            raise TruncatedError(f"a sound message of {len(data)} bytes")
        first, counts, sequence, time = HEADER.unpack_from(data)
        if first >> 4 != VERSION:
            raise VersionError(f"sound message of version {first >> 4}; this build reads version {VERSION}")
        if first & 15 & ~(_LONG_FRAMES | _CARRIES):
            raise BitstreamError("a sound message sets bits that have no meaning yet")
        new, repeated = (counts >> 4) + 1, counts & 15
        every, place = _split(data, new + repeated, at=HEADER.size)
        motion = data[place:]
        if bool(motion) != bool(first & _CARRIES):
            raise BitstreamError("a sound message says that it carries motion and does not, or the reverse")
        return cls(
            sequence=sequence,
            time=time,
            frames=every[repeated:],
            repeated=every[:repeated],
            frame_ms=60 if first & _LONG_FRAMES else 40,
            motion=motion,
        )

    @property
    def sound_bytes(self) -> int:
        """What Opus made of it: the frames, repeated ones included."""
        return sum(map(len, self.frames + self.repeated))


def _length(frame: bytes) -> bytes:
    size = len(frame)
    if size > _MAX_LENGTH:
        raise ConfigError(f"a sound frame of {size} bytes")
    if size <= _ONE_BYTE:
        return bytes([size])
    low = 252 + (size & 3)
    return bytes([low, (size - low) >> 2])


def _split(data: bytes, count: int, *, at: int) -> tuple[tuple[bytes, ...], int]:
    """`count` frames whose lengths begin at `at`, and where what follows them begins."""
    lengths: list[int] = []
    for _ in range(count):
        length = _byte(data, at)
        at += 1
        if length > _ONE_BYTE:
            length += 4 * _byte(data, at)
            at += 1
        lengths.append(length)
    if at + sum(lengths) > len(data):
        raise TruncatedError(f"a sound message of {len(data)} bytes, where {at + sum(lengths)} are announced")
    return tuple(_cut(data, lengths, at)), at + sum(lengths)


def _cut(data: bytes, lengths: list[int], at: int) -> Iterable[bytes]:
    for length in lengths:
        yield data[at : at + length]
        at += length


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise TruncatedError(f"a sound message of {len(data)} bytes ends among its lengths")
    return data[at]
