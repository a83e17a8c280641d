"""Sound messages: golden bytes and their truncated twins, lengths, limits, no crash on any bytes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import BitstreamError, ConfigError, TruncatedError, VersionError
from codec.sound.message import HEADER, MAX_FRAMES, SoundMessage

VECTORS = Path(__file__).parents[2] / "vectors"
GOLDEN = SoundMessage(
    sequence=0xBEEF,
    time=0x01020304,
    frames=(b"one", b"", bytes(300)),
    repeated=(b"before",),
    frame_ms=60,
    motion=b"motion",
)
FRAMES = st.lists(st.binary(max_size=1275), max_size=MAX_FRAMES - 1).map(tuple)


def test_golden_message() -> None:
    golden = (VECTORS / "sound_message.bin").read_bytes()
    assert bytes(GOLDEN) == golden
    assert SoundMessage.parse(golden) == GOLDEN
    assert GOLDEN.sound_bytes == 6 + 3 + 300


def test_every_truncated_twin_is_refused() -> None:
    without = bytes(SoundMessage(sequence=1, time=2, frames=GOLDEN.frames, repeated=GOLDEN.repeated))
    for length in range(len(without)):
        with pytest.raises(TruncatedError):
            SoundMessage.parse(without[:length])


def test_what_it_costs() -> None:
    silent = SoundMessage(sequence=0, time=0, frames=(b"",) * 4)
    assert len(bytes(silent)) == HEADER.size + 4 == 12


@pytest.mark.parametrize("size", [0, 1, 251, 252, 253, 254, 255, 256, 1274, 1275])
def test_a_frame_of_any_length_comes_back(size: int) -> None:
    message = SoundMessage(sequence=0, time=0, frames=(bytes(size), b"after"))
    assert SoundMessage.parse(bytes(message)) == message


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), FRAMES, FRAMES, st.sampled_from([40, 60]), st.binary())
def test_what_is_written_is_read(
    sequence: int, time: int, frames: tuple[bytes, ...], repeated: tuple[bytes, ...], frame_ms: int, motion: bytes
) -> None:
    message = SoundMessage(
        sequence=sequence,
        time=time,
        frames=(*frames, b"x"),
        repeated=repeated,
        frame_ms=60 if frame_ms == 60 else 40,
        motion=motion,
    )
    assert SoundMessage.parse(bytes(message)) == message


def test_other_versions_and_unknown_bits_are_refused() -> None:
    data = bytes(SoundMessage(sequence=0, time=0, frames=(b"a",)))
    with pytest.raises(VersionError):
        SoundMessage.parse(b"\x20" + data[1:])
    for bit in (2, 8):
        with pytest.raises(BitstreamError):
            SoundMessage.parse(bytes([data[0] | bit]) + data[1:])


def test_motion_is_there_when_it_is_announced_and_only_then() -> None:
    data = bytes(SoundMessage(sequence=0, time=0, frames=(b"a",)))
    with pytest.raises(BitstreamError):
        SoundMessage.parse(data + b"more")
    with pytest.raises(BitstreamError):
        SoundMessage.parse(bytes([data[0] | 4]) + data[1:])


@pytest.mark.parametrize(
    "changed",
    [
        {"frames": ()},
        {"frames": (b"",) * (MAX_FRAMES + 1)},
        {"repeated": (b"",) * MAX_FRAMES},
        {"frames": (bytes(1276),)},
        {"sequence": 1 << 16},
        {"time": 1 << 32},
        {"time": -1},
    ],
)
def test_what_does_not_fit_is_not_written(changed: dict[str, object]) -> None:
    fields: dict[str, object] = {"sequence": 0, "time": 0, "frames": (b"a",)}
    with pytest.raises(ConfigError):
        bytes(SoundMessage(**(fields | changed)))  # type: ignore[arg-type]


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"\x10" + rest))
def test_any_bytes_are_a_message_or_a_named_error(data: bytes) -> None:
    try:
        message = SoundMessage.parse(data)
    except BitstreamError:
        return
    assert SoundMessage.parse(bytes(message)) == message
