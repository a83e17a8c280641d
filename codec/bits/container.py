"""Coded frames in a file, `.fw`: the bitstream with time stamps, checksums and an end, and no network.

Version 2; version 1, which has no sound, is read too. All numbers are big-endian; text is UTF-8; a checksum is the
CRC-32 of zlib over the bytes that it closes.

    header
        4 bytes     "FWIR"
        u8          version, 2
        u16         size: the side of the face square in pixels
        u32, u32    frame rate as a fraction, nominal, 1/3600 .. 1000: each frame has its own time stamp
        u32         time base: time stamps count 1 / this many seconds, 90,000
        u8, text    weights id, printable: the file decodes with these weights alone
        u8          1: there is sound, 0: there is none; not in version 1
        u32         checksum of all of the header before it
    then a record for each coded frame, in coding order, and among them records of sound
        u32         length of what is in it in bytes, 1 .. 2^24; plus 2^31 for sound, which version 1 has not
        i64         time stamp, increasing among frames and among records of sound, -2^53 .. 2^53
        bytes       the coded frame, or a sound message (`codec.sound.message`) that repeats and carries nothing
        u32         checksum of the record before it
    and at the end
        u32         0
        u32         number of records
        u32         checksum of these eight bytes

A file without the end was cut short: its whole records still play. Nothing follows the end.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from codec.errors import BitstreamError, ConfigError, MediaError, TruncatedError, VersionError
from codec.units import PTS_PER_S, whole_ticks

__all__ = ["FileHeader", "FileReader", "FileRecord", "FileWriter"]

MAGIC = b"FWIR"
VERSION = 2
OLDEST = 1  # version that is read
MAX_SIZE = 4096
MAX_RECORD = 1 << 24
MIN_FPS, MAX_FPS = Fraction(1, 3600), Fraction(1000)
MAX_FPS_PART = (1 << 31) - 1  # of numerator and denominator, as in the containers that players open
MAX_PTS = 1 << 53
SOUND = 1 << 31  # of a record's length

FIXED_HEADER = struct.Struct(">4sBHIIIB")
RECORD_HEADER = struct.Struct(">Iq")
END = struct.Struct(">II")
CHECKSUM = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeader:
    """What a file says before its first frame."""

    size: int
    fps: Fraction
    weights: str
    sound: bool = False
    version: int = VERSION

    def __bytes__(self) -> bytes:
        """Write the header; ConfigError on a field out of range."""
        weights = self.weights.encode()
        if not 1 <= self.size <= MAX_SIZE or not 1 <= len(weights) <= 255 or not self.weights.isprintable():
            raise ConfigError(f"a file of size {self.size} with weights {self.weights!r}")
        if not _is_rate(self.fps):
            raise ConfigError(f"a file at {self.fps} frames a second")
        if not OLDEST <= self.version <= VERSION or (self.sound and self.version == 1):
            raise ConfigError(f"a file of version {self.version}, sound: {self.sound}")
        fixed = FIXED_HEADER.pack(
            MAGIC, self.version, self.size, self.fps.numerator, self.fps.denominator, PTS_PER_S, len(weights)
        )
        return _close(fixed + weights + (bytes([self.sound]) if self.version > 1 else b""))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a header; raises BitstreamError, or TruncatedError or VersionError, which are such."""
        if not data.startswith(MAGIC[: len(data)]) or not data:
            raise BitstreamError("not a facewire file")
        if len(data) < FIXED_HEADER.size:
            raise TruncatedError("the file ends within its header")
        _, version, size, numerator, denominator, time_base, length = FIXED_HEADER.unpack_from(data)
        if not OLDEST <= version <= VERSION:
            raise VersionError(f"a facewire file of version {version}; this build reads {OLDEST} to {VERSION}")
        whole = FIXED_HEADER.size + _after_fixed(version, length)
        if len(data) < whole:
            raise TruncatedError("the file ends within its header")
        body = _open(data[:whole], "header")
        if not 1 <= size <= MAX_SIZE or not numerator or not denominator or time_base != PTS_PER_S or not length:
            raise BitstreamError("the file's header holds values out of range")
        try:
            weights = body[FIXED_HEADER.size : FIXED_HEADER.size + length].decode()
        except UnicodeDecodeError as error:
            raise BitstreamError("the weights id in the file's header is not text") from error
        fps = Fraction(numerator, denominator)
        sound = body[-1] if version > 1 else 0
        if not _is_rate(fps) or not weights.isprintable() or sound > 1:
            raise BitstreamError("the file's header holds values out of range")
        return cls(size=size, fps=fps, weights=weights, sound=bool(sound), version=version)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One coded frame, or with `sound` a sound message, and its time stamp in 1/90000 s."""

    pts: int
    data: bytes
    sound: bool = False

    def __bytes__(self) -> bytes:
        """Write the record; ConfigError on a field out of range."""
        if not 1 <= len(self.data) <= MAX_RECORD or not -MAX_PTS <= self.pts <= MAX_PTS:
            raise ConfigError(f"a record of {len(self.data)} bytes at {self.pts}")
        return _close(RECORD_HEADER.pack(len(self.data) | (SOUND if self.sound else 0), self.pts) + self.data)


class FileWriter:
    """Writes a `.fw` file frame by frame. Use it as a context manager: leaving it, even by an error, ends the file."""

    def __init__(self, path: Path, header: FileHeader) -> None:
        """Raises MediaError if the file cannot be made."""
        self._path = path
        self._header = header
        self._records = self._frames = 0
        opening = bytes(header)
        try:
            self._file: BinaryIO = path.open("wb")
        except OSError as error:
            raise MediaError(f"{path}: {error.strerror}") from error
        self._write(opening)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes, *, pts: int) -> None:
        """Add a coded frame. Raises MediaError if the file cannot take it, PictureError on a pts that is no integer."""
        self._add(FileRecord(whole_ticks(pts), data))

    def write_sound(self, data: bytes, *, pts: int) -> None:
        """Add a sound message. Raises as `write` does, and ConfigError where the header says that there is none."""
        if not self._header.sound:
            raise ConfigError("sound in a file that says it has none")
        self._add(FileRecord(whole_ticks(pts), data, sound=True))

    def _add(self, record: FileRecord) -> None:
        self._write(bytes(record))
        self._records += 1
        self._frames += not record.sound

    def close(self) -> None:
        """Write the end; more than once does nothing more."""
        if self._file.closed:
            return
        self._write(_close(END.pack(0, self._records)), last=True)

    def _write(self, data: bytes, *, last: bool = False) -> None:
        try:
            self._file.write(data)
            self._file.flush()  # what is written stays readable if the process is killed
            if last:
                self._file.close()
        except OSError as error:
            with suppress(OSError):  # what it still holds cannot be written either
                self._file.close()
            frames = f"; {self._frames} frames are written" if self._frames else ""
            raise MediaError(f"{self._path}: cannot be written: {error.strerror}{frames}") from error


class FileReader:
    """Reads a `.fw` file. Iterate over it for its coded frames, over `records` for sound too; it holds one at a time.

    A file that ends early, or is damaged, yields all whole records before that place; then `damage` says in words what
    is wrong with it. It is None for a file that ended as it should.
    """

    def __init__(self, path: Path) -> None:
        """Raises MediaError if the file cannot be opened, BitstreamError or a kind of it on a header we cannot read."""
        self._path = path
        self.damage: str | None = None
        try:
            self._file: BinaryIO = path.open("rb")
            self._left = os.fstat(self._file.fileno()).st_size
            self.header = self._read_header()
        except OSError as error:
            raise MediaError(f"{path}: {error.strerror}") from error
        except BitstreamError as error:
            self._file.close()
            raise type(error)(f"{path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[FileRecord]:
        return (record for record in self.records() if not record.sound)

    def records(self) -> Iterator[FileRecord]:
        """Coded frames and sound, as they lie in the file."""
        count, frames, last = 0, 0, {False: -MAX_PTS - 1, True: -MAX_PTS - 1}
        try:
            while (record := self._read_record(count)) is not None:
                if not -MAX_PTS <= record.pts <= MAX_PTS:
                    raise BitstreamError("a time stamp is out of range")
                if record.pts <= last[record.sound]:
                    raise BitstreamError("time runs backwards")
                yield record
                count, frames = count + 1, frames + (not record.sound)
                last[record.sound] = record.pts
        except (BitstreamError, OSError) as error:
            self.damage = f"{self._path}: {error} after {frames} whole frames"

    def close(self) -> None:
        """Close the file; more than once does nothing more."""
        self._file.close()

    def _read_header(self) -> FileHeader:
        fixed = self._file.read(FIXED_HEADER.size)
        is_whole = len(fixed) == FIXED_HEADER.size
        rest = self._file.read(_after_fixed(fixed[len(MAGIC)], fixed[-1])) if is_whole else b""
        self._left -= len(fixed) + len(rest)
        return FileHeader.parse(fixed + rest)

    def _read_record(self, count: int) -> FileRecord | None:
        opening = self._take(4)
        (length,) = struct.unpack(">I", opening)
        if length == 0:
            end = _open(opening + self._take(END.size - 4 + CHECKSUM.size), "end")
            if END.unpack(end) != (0, count):
                raise BitstreamError("the end tells of another number of records")
            if self._left:
                raise BitstreamError("something follows the end")
            return None
        sound = self.header.sound and bool(length & SOUND)
        length -= SOUND if sound else 0
        if not 0 < length <= MAX_RECORD:
            raise BitstreamError("a record of impossible length")
        body = _open(opening + self._take(RECORD_HEADER.size - 4 + length + CHECKSUM.size), "record")
        _, pts = RECORD_HEADER.unpack_from(body)
        return FileRecord(pts, body[RECORD_HEADER.size :], sound)

    def _take(self, length: int) -> bytes:
        if length > self._left:  # checked before anything of that length is allocated
            raise TruncatedError("the file ends early")
        data = self._file.read(length)
        self._left -= len(data)
        if len(data) < length:
            raise TruncatedError("the file ends early")
        return data


def _after_fixed(version: int, length: int) -> int:
    """Bytes of a header after its fixed part: a text of this length, the byte of sound, the checksum."""
    return length + (version > 1) + CHECKSUM.size


def _is_rate(fps: Fraction) -> bool:
    return MIN_FPS <= fps <= MAX_FPS and max(fps.numerator, fps.denominator) <= MAX_FPS_PART


def _close(body: bytes) -> bytes:
    return body + CHECKSUM.pack(zlib.crc32(body))


def _open(data: bytes, what: str) -> bytes:
    body = data[: -CHECKSUM.size]
    if data[-CHECKSUM.size :] != CHECKSUM.pack(zlib.crc32(body)):
        raise BitstreamError(f"the checksum of the {what} does not hold")
    return body
