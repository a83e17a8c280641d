"""Packets: golden bytes and their truncated twins, bundling, reassembly in any order, no crash on any bytes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bits.packet import (
    MAX_FRAGMENTS,
    MAX_FRAMES,
    MotionMessage,
    ReferenceAssembler,
    ReferenceFragment,
    pack_reference,
)
from codec.errors import BitstreamError, ConfigError, TruncatedError, VersionError

LIMIT = 1160  # bytes a message
VECTORS = Path(__file__).parents[2] / "vectors"
GOLDEN_MOTION = MotionMessage(0xBEEF, 3, b"three frames as one unit")
GOLDEN_FRAGMENT = ReferenceFragment(0x0102, 1, 2, b"the end of a reference")


def test_golden_motion_message() -> None:
    golden = (VECTORS / "motion_message.bin").read_bytes()
    assert bytes(GOLDEN_MOTION) == golden
    assert MotionMessage.parse(golden) == GOLDEN_MOTION


def test_golden_reference_fragment() -> None:
    golden = (VECTORS / "reference_fragment.bin").read_bytes()
    assert bytes(GOLDEN_FRAGMENT) == golden
    assert ReferenceFragment.parse(golden) == GOLDEN_FRAGMENT


def test_a_motion_message_costs_three_bytes() -> None:
    assert len(bytes(MotionMessage(0, 4, bytes(60)))) == 60 + 3


@pytest.mark.parametrize("length", range(4))
def test_truncated_motion_messages(length: int) -> None:
    with pytest.raises(TruncatedError):
        MotionMessage.parse(bytes(GOLDEN_MOTION)[:length])


@pytest.mark.parametrize("length", range(6))
def test_truncated_reference_fragments(length: int) -> None:
    with pytest.raises(TruncatedError):
        ReferenceFragment.parse(bytes(GOLDEN_FRAGMENT)[:length])


def test_other_versions_are_refused() -> None:
    with pytest.raises(VersionError):
        MotionMessage.parse(b"\x10" + bytes(GOLDEN_MOTION)[1:])
    with pytest.raises(VersionError):
        ReferenceFragment.parse(b"\x00" + bytes(GOLDEN_FRAGMENT)[1:])


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\x00\x00\x02\x01a",  # fragment 2 of 0..1
        b"\x11\x00\x00\x00\x00a",  # a reserved bit
    ],
)
def test_invalid_reference_fragments(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        ReferenceFragment.parse(data)


@pytest.mark.parametrize(
    "message",
    [
        MotionMessage(0, 0, b"a"),
        MotionMessage(0, MAX_FRAMES + 1, b"a"),
        MotionMessage(0, 1, b""),
        MotionMessage(1 << 16, 1, b"a"),
        ReferenceFragment(0, 2, 2, b"a"),
        ReferenceFragment(0, 0, 257, b"a"),
        ReferenceFragment(0, 0, 1, b""),
        ReferenceFragment(1 << 16, 0, 1, b"a"),
        ReferenceFragment(0, 0, 1, bytes(65_536)),
    ],
)
def test_what_cannot_be_written_is_refused(message: MotionMessage | ReferenceFragment) -> None:
    with pytest.raises(ConfigError):
        bytes(message)


@given(st.integers(0, 0xFFFF), st.integers(1, MAX_FRAMES), st.binary(min_size=1, max_size=2000))
def test_motion_messages_survive(sequence: int, count: int, unit: bytes) -> None:
    message = MotionMessage(sequence, count, unit)
    assert MotionMessage.parse(bytes(message)) == message


@given(st.binary(min_size=1, max_size=9000), st.integers(0, 0xFFFF), st.randoms(use_true_random=False))
def test_references_survive_any_order_and_repeats(data: bytes, transfer: int, random: object) -> None:
    fragments = pack_reference(data, transfer=transfer, limit=LIMIT)
    assert all(len(bytes(fragment)) <= LIMIT for fragment in fragments)
    shuffled = fragments[:-1] * 2 + fragments[-1:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assembler = ReferenceAssembler()
    whole = [assembler.add(ReferenceFragment.parse(bytes(fragment))) for fragment in shuffled]
    assert data in whole
    assert set(whole) <= {None, data}


def test_transfers_interleave() -> None:
    assembler = ReferenceAssembler()
    first, second = (
        pack_reference(b"1" * 2000, transfer=1, limit=LIMIT),
        pack_reference(b"2" * 2000, transfer=2, limit=LIMIT),
    )
    assert assembler.add(first[0]) is None
    assert assembler.add(second[0]) is None
    assert assembler.add(second[1]) == b"2" * 2000
    assert assembler.add(first[1]) == b"1" * 2000


def test_the_oldest_unfinished_transfer_is_given_up() -> None:
    assembler = ReferenceAssembler(transfers=2)
    pairs = [pack_reference(bytes([i]) * 2000, transfer=i, limit=LIMIT) for i in range(3)]
    for pair in pairs:
        assert assembler.add(pair[0]) is None
    assert assembler.add(pairs[2][1]) == b"\2" * 2000
    assert assembler.add(pairs[0][1]) is None


def test_contradicting_fragments_are_refused_and_forgotten() -> None:
    assembler = ReferenceAssembler()
    assembler.add(ReferenceFragment(5, 0, 2, b"a"))
    with pytest.raises(BitstreamError):
        assembler.add(ReferenceFragment(5, 1, 3, b"b"))
    assembler.add(ReferenceFragment(5, 0, 3, b"c"))
    with pytest.raises(BitstreamError):
        assembler.add(ReferenceFragment(5, 1, 3, b"longer"))
    assembler.add(ReferenceFragment(5, 0, 2, b"c"))
    with pytest.raises(BitstreamError):
        assembler.add(ReferenceFragment(5, 0, 2, b"d"))
    assert assembler.add(ReferenceFragment(5, 0, 1, b"whole")) == b"whole"


def test_reference_limits() -> None:
    most = MAX_FRAGMENTS * (LIMIT - 5)
    assert len(pack_reference(bytes(most), transfer=0, limit=LIMIT)) == MAX_FRAGMENTS
    for size in (0, most + 1):
        with pytest.raises(ConfigError):
            pack_reference(bytes(size), transfer=0, limit=LIMIT)


@given(st.binary(max_size=LIMIT + 10))
def test_any_bytes_parse_or_raise_a_named_error(data: bytes) -> None:
    for kind in (MotionMessage, ReferenceFragment):
        try:
            message = kind.parse(data)
        except BitstreamError:
            continue
        assert bytes(message) == data


@given(st.binary(max_size=60), st.integers(0, 0xFF))
def test_any_bytes_of_our_version_parse_or_raise_a_named_error(data: bytes, count: int) -> None:
    try:
        message = MotionMessage.parse(bytes([0x10 | count & 15]) + data)
    except BitstreamError:
        return
    assert MotionMessage.parse(bytes(message)) == message
