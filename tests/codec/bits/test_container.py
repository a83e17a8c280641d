"""The file format: golden bytes, every truncation, every flipped byte, no crash on any bytes."""

import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codec.bits.container import FIXED_HEADER, RECORD_HEADER, FileHeader, FileReader, FileRecord, FileWriter
from codec.errors import BitstreamError, ConfigError, MediaError, TruncatedError, VersionError

VECTOR = Path(__file__).parents[2] / "vectors" / "container.fw.bin"
VERSION_1 = VECTOR.with_name("container_version1.fw.bin")
HEADER = FileHeader(size=256, fps=Fraction(30000, 1001), weights="first-00c0ffee", sound=True)
FRAMES = [FileRecord(0, b"keyframe" * 9), FileRecord(3003, b"m"), FileRecord(6006, bytes(range(40)))]
RECORDS = [FRAMES[0], FileRecord(-585, b"sound" * 3, sound=True), FRAMES[1], FileRecord(2000, b"s", True), FRAMES[2]]
HEADER_BYTES = len(bytes(HEADER))
ENDS = [HEADER_BYTES + sum(len(bytes(record)) for record in RECORDS[:count]) for count in range(len(RECORDS) + 1)]

in_tmp_path = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, records: list[FileRecord]) -> bytes:
    with FileWriter(path, HEADER) as writer:
        for record in records:
            (writer.write_sound if record.sound else writer.write)(record.data, pts=record.pts)
    return path.read_bytes()


def read(path: Path, data: bytes) -> tuple[FileHeader, list[FileRecord], str | None]:
    path.write_bytes(data)
    with FileReader(path) as reader:
        records = list(reader.records())
        return reader.header, records, reader.damage


def test_golden_file(tmp_path: Path) -> None:
    golden = VECTOR.read_bytes()
    assert write(tmp_path / "a.fw", RECORDS) == golden
    assert read(tmp_path / "b.fw", golden) == (HEADER, RECORDS, None)
    with FileReader(tmp_path / "b.fw") as reader:
        assert list(reader) == FRAMES


def test_a_file_of_version_1_is_read(tmp_path: Path) -> None:
    header, records, damage = read(tmp_path / "a.fw", VERSION_1.read_bytes())
    assert (header, records, damage) == (replace(HEADER, sound=False, version=1), FRAMES, None)
    assert bytes(header) == VERSION_1.read_bytes()[: len(bytes(header))]


def test_a_file_without_sound_has_none(tmp_path: Path) -> None:
    silent = replace(HEADER, sound=False)
    with FileWriter(tmp_path / "a.fw", silent) as writer, pytest.raises(ConfigError, match="says it has none"):
        writer.write_sound(b"s", pts=0)
    data = bytes(silent) + bytes(FRAMES[0]) + bytes(FileRecord(5, b"s", sound=True))
    _, records, damage = read(tmp_path / "b.fw", data)
    assert records == FRAMES[:1]
    assert damage is not None
    assert "impossible length" in damage


def test_an_empty_piece_of_sound_is_damage(tmp_path: Path) -> None:
    _, records, damage = read(tmp_path / "a.fw", bytes(HEADER) + (1 << 31).to_bytes(4) + bytes(60))
    assert records == []
    assert damage is not None


@pytest.mark.parametrize("length", range(ENDS[-1] + 12))
def test_a_truncated_file_plays_up_to_its_last_whole_record(tmp_path: Path, length: int) -> None:
    data = VECTOR.read_bytes()[:length]
    if length < HEADER_BYTES:
        with pytest.raises(BitstreamError if length == 0 else TruncatedError):
            read(tmp_path / "a.fw", data)
        return
    _, records, damage = read(tmp_path / "a.fw", data)
    whole = sum(length >= end for end in ENDS[1:])
    assert records == RECORDS[:whole]
    assert damage is not None
    frames = sum(not record.sound for record in RECORDS[:whole])
    assert f"after {frames} whole frames" in damage


@pytest.mark.parametrize("position", range(ENDS[-1] + 12))
def test_a_flipped_byte_is_noticed(tmp_path: Path, position: int) -> None:
    data = bytearray(VECTOR.read_bytes())
    data[position] ^= 0x55
    if position < HEADER_BYTES:
        with pytest.raises(BitstreamError):
            read(tmp_path / "a.fw", bytes(data))
        return
    _, records, damage = read(tmp_path / "a.fw", bytes(data))
    assert records == RECORDS[: sum(position >= end for end in ENDS[1:])]
    assert damage is not None


def test_a_file_that_was_never_ended_plays(tmp_path: Path) -> None:
    writer = FileWriter(tmp_path / "a.fw", HEADER)
    writer.write(b"frame", pts=0)
    with FileReader(tmp_path / "a.fw") as reader:
        assert list(reader) == [FileRecord(0, b"frame")]
        assert reader.damage is not None
    writer.close()
    writer.close()
    with FileReader(tmp_path / "a.fw") as reader:
        assert list(reader) == [FileRecord(0, b"frame")]
        assert reader.damage is None


def test_an_error_while_writing_still_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.fw"

    def interrupted() -> None:
        with FileWriter(path, HEADER) as writer:
            writer.write(b"frame", pts=0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read(path, path.read_bytes()) == (HEADER, [FileRecord(0, b"frame")], None)


def test_an_empty_file_of_frames(tmp_path: Path) -> None:
    assert read(tmp_path / "b.fw", write(tmp_path / "a.fw", [])) == (HEADER, [], None)


@pytest.mark.parametrize(
    ("extra", "records"),
    [(b"x", 5), (bytes(FileRecord(9999, b"more")), 5)],
)
def test_nothing_follows_the_end(tmp_path: Path, extra: bytes, records: int) -> None:
    _, found, damage = read(tmp_path / "a.fw", VECTOR.read_bytes() + extra)
    assert len(found) == records
    assert damage is not None


def test_time_runs_forward(tmp_path: Path) -> None:
    data = bytes(HEADER) + bytes(FileRecord(5, b"a")) + bytes(FileRecord(5, b"b"))
    _, records, damage = read(tmp_path / "a.fw", data)
    assert records == [FileRecord(5, b"a")]
    assert damage is not None
    assert "backwards" in damage


def test_a_claimed_length_is_not_believed(tmp_path: Path) -> None:
    for claim in (b"\x00\xff\xff\xff", b"\xff\xff\xff\xff"):
        _, records, damage = read(tmp_path / "a.fw", bytes(HEADER) + claim + bytes(100))
        assert records == []
        assert damage is not None


def test_another_version_is_named(tmp_path: Path) -> None:
    body = bytearray(bytes(HEADER)[:-4])
    body[4] = 3
    with pytest.raises(VersionError, match="version 3; this build reads 1 to 2"):
        read(tmp_path / "a.fw", bytes(body) + zlib.crc32(body).to_bytes(4))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.fw", tmp_path):
        with pytest.raises(MediaError):
            FileReader(path)
        with pytest.raises(MediaError):
            FileWriter(path / "x" / "y.fw", HEADER)


@pytest.mark.parametrize(
    ("numerator", "denominator"), [(1, 4294967295), (4294967295, 1), (4294967295, 4294967294), (1, 3601), (1001, 1)]
)
def test_a_frame_rate_of_no_video_is_refused(tmp_path: Path, numerator: int, denominator: int) -> None:
    """Such a header is whole: its checksum holds, and no player's container could hold the rate."""
    fixed = FIXED_HEADER.pack(b"FWIR", 1, 256, numerator, denominator, 90_000, 5)
    header = fixed + b"first"
    with pytest.raises(BitstreamError, match="values out of range"):
        read(tmp_path / "a.fw", header + zlib.crc32(header).to_bytes(4, "big"))
    with pytest.raises(ConfigError):
        bytes(FileHeader(size=256, fps=Fraction(numerator, denominator), weights="first"))


def test_a_name_of_weights_cannot_move_a_cursor(tmp_path: Path) -> None:
    header = FIXED_HEADER.pack(b"FWIR", 1, 256, 25, 1, 90_000, 5) + b"\x1b[2Jw"
    with pytest.raises(BitstreamError, match="values out of range"):
        read(tmp_path / "a.fw", header + zlib.crc32(header).to_bytes(4, "big"))


@pytest.mark.parametrize("pts", [-(1 << 63), (1 << 53) + 1, (1 << 63) - 1])
def test_a_time_stamp_of_no_video_is_where_the_file_ends(tmp_path: Path, pts: int) -> None:
    body = RECORD_HEADER.pack(1, pts) + b"a"
    data = bytes(HEADER) + body + zlib.crc32(body).to_bytes(4, "big")
    _, records, damage = read(tmp_path / "a.fw", data)
    assert records == []
    assert damage is not None
    assert "a time stamp is out of range after 0 whole frames" in damage
    with pytest.raises(ConfigError):
        bytes(FileRecord(pts, b"a"))


@pytest.mark.parametrize(
    "broken",
    [
        FileHeader(size=0, fps=Fraction(25), weights="first"),
        FileHeader(size=256, fps=Fraction(0), weights="first"),
        FileHeader(size=256, fps=Fraction(25), weights=""),
        FileHeader(size=256, fps=Fraction(25), weights="w" * 256),
        FileHeader(size=256, fps=Fraction(1, 1 << 33), weights="first"),
        FileHeader(size=256, fps=Fraction(25), weights="first", version=3),
        FileHeader(size=256, fps=Fraction(25), weights="first", version=1, sound=True),
        FileRecord(0, b""),
        FileRecord(1 << 63, b"a"),
    ],
)
def test_what_cannot_be_written_is_refused(broken: FileHeader | FileRecord) -> None:
    with pytest.raises(ConfigError):
        bytes(broken)


@in_tmp_path
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.integers(-1000, 1 << 40))
def test_any_records_survive(tmp_path: Path, frames: list[bytes], start: int) -> None:
    records = [FileRecord(start + index * 3600, frame) for index, frame in enumerate(frames)]
    assert read(tmp_path / "b.fw", write(tmp_path / "a.fw", records)) == (HEADER, records, None)


@in_tmp_path
@given(st.booleans(), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(tmp_path: Path, headed: bool, data: bytes) -> None:
    try:
        _, _, damage = read(tmp_path / "a.fw", bytes(HEADER) + data if headed else data)
    except BitstreamError:
        return
    assert damage is not None
