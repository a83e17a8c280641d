"""The syntax of coded frames: golden bytes, truncated and invalid twins, no crash on any bytes."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bits.bitstream import CHAINED_NUMBERS, VERSION, CodedFrame, CodedMotion, CodedReference, Opening
from codec.errors import BitstreamError, TruncatedError, VersionError

VECTORS = Path(__file__).parents[2] / "vectors"

PICTURE = b"\x01" + b"picture" * 20
OPENING = Opening(size=512, weights_id=b"\x00\xc0\xff\xee", pts=8_100_000, duration=3003, qp=32)
LATE = Opening(size=256, weights_id=b"\xca\xfe\xca\xfe", pts=(1 << 33) - 1, duration=3600, qp=63)
KEY = CodedReference(id=5, opening=OPENING, symbols=b"pose and shape", picture=PICTURE)
INTER = CodedReference(id=6, opening=None, symbols=b"pose", picture=b"\x01next")
STILL = CodedMotion(reference_id=5, chained=False, base=True, qp=32, timestamp=None, symbols=b"")
MOVED = CodedMotion(reference_id=3, chained=False, base=True, qp=0, timestamp=None, symbols=b"symbols")
CHAINED = CodedMotion(reference_id=0, chained=True, base=False, qp=None, timestamp=None, symbols=b"\xff\x00")
STAMPED = CodedMotion(reference_id=7, chained=False, base=True, qp=44, timestamp=0xBEEF, symbols=b"moved")

GOLDEN = {
    "frame_keyframe": CodedFrame(0xFE, KEY, STILL),
    "frame_reference": CodedFrame(7, INTER, None),
    "frame_intra": CodedFrame(0xFE, CodedReference(id=5, opening=LATE, symbols=b"pose", picture=PICTURE), None),
    "frame_motion": CodedFrame(0, None, MOVED),
    "frame_motion_chained": CodedFrame(3, None, CHAINED),
    "frame_motion_stamped": CodedFrame(128, None, STAMPED),
}
# What lies at the end has no length of its own: cut there, it is still such a half.
HEADS = {
    "frame_motion": 3,
    "frame_motion_chained": 1,
    "frame_motion_stamped": 5,
    "frame_reference": 7,
    "frame_intra": 20,
}

qps = st.integers(0, 63)
openings = st.builds(
    Opening,
    size=st.sampled_from((256, 512)),
    weights_id=st.binary(min_size=4, max_size=4),
    pts=st.integers(0, (1 << 33) - 1),
    duration=st.integers(0, 0xFFFF),
    qp=qps,
)
references = st.builds(
    CodedReference,
    id=st.integers(0, 7),
    opening=st.none() | openings,
    symbols=st.binary(max_size=200),
    picture=st.binary(max_size=300),
)
motions = st.builds(
    CodedMotion,
    reference_id=st.integers(0, 7),
    chained=st.booleans(),
    base=st.booleans(),
    qp=st.none() | qps,
    timestamp=st.none() | st.integers(0, 0xFFFF),
    symbols=st.binary(max_size=100),
).map(lambda motion: replace(motion, qp=None) if motion.chained else motion)
numbers = st.integers(0, 255)
coded_frames = (
    st.builds(CodedFrame, numbers, references, motions)
    | st.builds(CodedFrame, numbers, references, st.none())
    | st.builds(CodedFrame.moved, numbers, motions)
)


def golden(name: str) -> bytes:
    return (VECTORS / f"{name}.bin").read_bytes()


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_frames(name: str) -> None:
    assert bytes(GOLDEN[name]) == golden(name)
    assert CodedFrame.parse(golden(name)) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_truncated_twins(name: str) -> None:
    data = golden(name)
    for length in range(HEADS.get(name, len(data))):
        with pytest.raises(TruncatedError):
            CodedFrame.parse(data[:length])
    for length in range(HEADS.get(name, len(data)), len(data)):
        shorter = CodedFrame.parse(data[:length])
        end = shorter.motion.symbols if shorter.motion else shorter.reference and shorter.reference.picture
        assert end == data[HEADS[name] : length]


def altered(name: str, position: int, *values: int) -> bytes:
    data = bytearray(golden(name))
    data[position : position + len(values)] = bytes(values)
    return bytes(data)


# Positions in frame_keyframe: flags 0, shape 1, number 2, weights id 3, pts 7, duration 11, qp 13, length 14,
# symbols 15, length 29, picture 31, motion half 172.
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(altered("frame_keyframe", 0, 0b01_1_1_101_1), id="reserved bit of the flags"),
        pytest.param(altered("frame_keyframe", 1, VERSION << 4 | 0b01_01), id="reserved bit of the shape"),
        pytest.param(altered("frame_keyframe", 1, VERSION << 4 | 0b10_00), id="a size there is not"),
        pytest.param(altered("frame_keyframe", 13, 64), id="qp of a reference"),
        pytest.param(altered("frame_keyframe", 172, 0x4D), id="a motion half that is a reference half"),
        pytest.param(altered("frame_keyframe", 173, 0xFD), id="halves of different frames"),
        pytest.param(altered("frame_keyframe", 174, 64), id="qp of a motion half"),
        pytest.param(golden("frame_keyframe")[:172] + golden("frame_reference"), id="a second reference half"),
        pytest.param(golden("frame_reference") + bytes(1 << 20), id="a picture without end"),
        pytest.param(altered("frame_motion", 2, 0xFF), id="qp 255"),
        pytest.param(golden("frame_motion") + bytes(4096), id="motion without end"),
    ],
)
def test_invalid_twins(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        CodedFrame.parse(data)


@pytest.mark.parametrize(
    "varint",
    [
        pytest.param(b"\x84\x00", id="longer than it is"),
        pytest.param(b"\x84\x80\x80\x80\x00", id="much longer than it is"),
        pytest.param(b"\x84\x80\x80\x80\x80\x00", id="six bytes"),
        pytest.param(b"\xff\xff\xff\xff\x7f", id="a length nobody writes"),
        pytest.param(b"\x80\x20", id="4096 bytes of symbols"),
    ],
)
def test_lengths_are_checked_before_anything_is_taken(varint: bytes) -> None:
    data = golden("frame_keyframe")
    with pytest.raises(BitstreamError) as caught:
        CodedFrame.parse(data[:14] + varint + data[15:])
    assert caught.type is BitstreamError


def test_a_pts_of_34_bits_is_refused() -> None:
    data = golden("frame_intra")
    assert data[7:12] == b"\xff\xff\xff\xff\x1f"
    with pytest.raises(BitstreamError):
        CodedFrame.parse(data[:11] + b"\x20" + data[12:])


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 5, 15])
def test_other_versions_are_named(version: int) -> None:
    with pytest.raises(VersionError, match=rf"version {version}\b.*\b{VERSION}\b"):
        CodedFrame.parse(altered("frame_keyframe", 1, version << 4 | 0b01_00))
    with pytest.raises(VersionError):
        CodedFrame.parse(altered("frame_intra", 1, version << 4 | 0b11))


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_bytes_of_earlier_versions_are_refused_by_name(version: int) -> None:
    """Keyframes as they were written.

    2 had no face box and no windows, 3 told windows only where there was a face, 4 had one quality index a stream, 5
    said of every reference what its stream says.
    """
    with pytest.raises(VersionError, match=rf"version {version}\b.*\b{VERSION}\b"):
        CodedFrame.parse(golden(f"frame_keyframe_version{version}"))


def test_halves() -> None:
    whole = GOLDEN["frame_keyframe"]
    reference, motion = whole.split()
    assert whole.is_keyframe
    assert reference == CodedFrame(0xFE, KEY, None)
    assert motion == CodedFrame(0xFE, None, STILL)
    assert reference.is_keyframe
    assert not motion.is_keyframe
    assert CodedFrame.parse(bytes(reference)) == reference
    assert CodedFrame.parse(bytes(motion)) == motion
    assert GOLDEN["frame_motion"].split() == (None, GOLDEN["frame_motion"])
    assert GOLDEN["frame_reference"].split() == (GOLDEN["frame_reference"], None)
    assert not GOLDEN["frame_reference"].is_keyframe


def test_what_a_stream_says_once_costs_a_later_reference_nothing() -> None:
    assert len(bytes(CodedFrame(7, INTER, None))) == 3 + len(INTER.symbols) + len(INTER.picture)


def test_a_motion_half_costs_two_bytes_or_one_in_a_chain() -> None:
    assert len(bytes(CodedFrame(1, None, replace(STILL, qp=None)))) == 2
    assert len(bytes(CodedFrame(1, None, STILL))) == 3, "another qp than the reference's is one byte"
    assert len(bytes(CodedFrame(1, None, replace(CHAINED, symbols=b"")))) == 1
    assert len(bytes(CodedFrame(1, None, replace(STAMPED, symbols=b"")))) == 5


def test_a_chained_half_keeps_enough_of_its_number_to_tell_a_gap() -> None:
    whole = CodedFrame(0xFE, INTER, CHAINED)
    assert CodedFrame.parse(bytes(whole)) == whole
    _, motion = whole.split()
    assert motion == CodedFrame(0xFE % CHAINED_NUMBERS, None, CHAINED)
    assert CodedFrame.parse(bytes(motion)) == motion
    other = bytearray(bytes(whole))
    other[-len(bytes(motion))] ^= 1
    with pytest.raises(BitstreamError, match="different numbers"):
        CodedFrame.parse(bytes(other))


def test_a_pts_beyond_33_bits_wraps() -> None:
    written, read = (replace(KEY, opening=replace(OPENING, pts=pts)) for pts in ((1 << 33) + 5, 5))
    assert CodedFrame.parse(bytes(CodedFrame(0, written, None))) == CodedFrame(0, read, None)


@settings(deadline=None)
@given(coded_frames)
def test_any_frame_survives(frame: CodedFrame) -> None:
    assert CodedFrame.parse(bytes(frame)) == frame


def parses_to_itself_or_is_refused_by_name(data: bytes) -> None:
    try:
        frame = CodedFrame.parse(data)
    except BitstreamError:
        return
    assert bytes(frame) == data


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_parse_or_are_refused_by_name(data: bytes) -> None:
    parses_to_itself_or_is_refused_by_name(data)


@settings(deadline=None, max_examples=300)
@given(st.integers(0x40, 0x7F), st.sampled_from((0x30, 0x34, 0x38)), st.binary(max_size=60))
def test_any_bytes_of_our_version_parse_or_are_refused_by_name(flags: int, shape: int, data: bytes) -> None:
    parses_to_itself_or_is_refused_by_name(bytes((flags, shape)) + data)


@settings(deadline=None, max_examples=300)
@given(coded_frames, st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bytes_parse_or_are_refused_by_name(frame: CodedFrame, flips: list[tuple[int, int]]) -> None:
    data = bytearray(bytes(frame))
    for position, mask in flips:
        data[position % len(data)] ^= mask
    parses_to_itself_or_is_refused_by_name(bytes(data))
