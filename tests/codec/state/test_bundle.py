"""Bundle: what is packed comes out again, golden bytes, damage by name, and what it saves on a real clip."""

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.clips.sample import SAMPLE
from codec import CodecConfig, CodedFrame, Encoder
from codec.bits.bitstream import CHAINED_NUMBERS, NUMBERS, CodedMotion
from codec.bits.packet import MAX_FRAMES, MotionMessage
from codec.bits.quantizer import Symbols
from codec.bits.symbols import SymbolCoder
from codec.errors import BitstreamError, ConfigError
from codec.input.video import read_video
from codec.motion.expression import FACE_NUMBERS
from codec.motion.parameters import MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS
from codec.pictures.crop import centre_crop
from codec.state.bundle import BundleCoder, information_bits
from codec.state.chain import ALL_WINDOWS, FACE_BIT, STILL_BIT, Chain, write_frame
from codec.weights.files import default_coding_tables

SYMBOLS = SymbolCoder.of(default_coding_tables())
CODER = BundleCoder(SYMBOLS)
GOLDEN = Path(__file__).parents[2] / "vectors" / "motion_unit.bin"


def drawn(random: np.random.Generator, spread: float, shape: tuple[int, ...]) -> Symbols:
    return np.round(random.laplace(0, spread, shape)).astype(np.int32)


def bundle(
    seed: int, *, count: int, number: int = 0, chained: bool = False, qp: int | None = None, stamped: bool = False
) -> list[CodedFrame]:
    """Frames as an encoder makes them, some with a face, some without, some still."""
    random = np.random.default_rng(seed)
    frames, windows = [], ALL_WINDOWS
    still = STILL_BIT * (seed % 4 == 3)  # that is chosen where a bundle begins
    for index in range(count):
        now = int(random.choice((0, FACE_BIT | still, ALL_WINDOWS | still)))
        motion = drawn(random, 0.5, (MOTION_NUMBERS,)) * (now == 0)
        face = drawn(random, 0.5, (FACE_NUMBERS,)) * (now > 0)
        residual = drawn(random, 0.3, COEFFICIENTS) * (random.random() < 0.5)
        data = b""
        if random.random() < 0.8:
            data, _ = write_frame(SYMBOLS, Chain(0, motion, residual, face, now), windows=windows)
        windows = now if data else windows
        continues = chained or index > 0
        stamp = int(random.integers(1 << 16)) if stamped else None
        coded = CodedMotion(seed % 8, continues, bool(seed % 2), None if continues else qp, stamp, data)
        frames.append(CodedFrame.moved((number + index) % NUMBERS, coded))
    return frames


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 16),
    st.integers(0, NUMBERS - 1),
    st.booleans(),
    st.none() | st.integers(0, 63),
    st.booleans(),
)
def test_what_is_packed_comes_out_again(
    seed: int, count: int, number: int, chained: bool, qp: int | None, stamped: bool
) -> None:
    frames = bundle(seed, count=count, number=number, chained=chained, qp=qp, stamped=stamped)
    assert CODER.unpack(CODER.pack(frames), count=count) == frames


def golden_frames() -> list[CodedFrame]:
    return bundle(11, count=4, number=254, qp=40, stamped=True)


def test_golden_bytes() -> None:
    golden = GOLDEN.read_bytes()
    assert CODER.pack(golden_frames()) == golden
    assert CODER.unpack(golden, count=4) == golden_frames()


@settings(deadline=None)
@given(st.lists(st.integers(0, (1 << 16) - 1) | st.none(), min_size=1, max_size=16), st.integers(0, 40))
def test_any_time_stamps_come_out_again(stamps: list[int | None], step: int) -> None:
    frames = []
    for index, (frame, stamp) in enumerate(zip(bundle(2, count=len(stamps)), stamps, strict=True)):
        assert frame.motion is not None
        timestamp = None if stamp is None else (stamp % 7 + index * step + 65_500) % (1 << 16) if step else stamp
        frames.append(replace(frame, motion=replace(frame.motion, timestamp=timestamp)))
    assert CODER.unpack(CODER.pack(frames), count=len(frames)) == frames


def test_a_steady_camera_is_told_in_few_bits() -> None:
    """Some 25 frames a second that come a tick or two early or late."""
    plain = bundle(2, count=4)
    random, frames = np.random.default_rng(5), []
    for index, frame in enumerate(plain):
        assert frame.motion is not None
        stamp = 3000 + 24 * index + int(random.integers(-1, 2))
        frames.append(replace(frame, motion=replace(frame.motion, timestamp=stamp)))
    assert len(CODER.pack(frames)) <= len(CODER.pack(plain)) + 5


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=1, max_size=60), st.integers(1, 16))
def test_any_bytes_are_frames_or_refused_by_name(data: bytes, count: int) -> None:
    try:
        frames = CODER.unpack(data, count=count)
    except BitstreamError:
        return
    assert len(frames) == count
    for frame in frames:
        assert CodedFrame.parse(bytes(frame)) == frame
    for before, after in pairwise(frames):
        assert (after.number - before.number - 1) % CHAINED_NUMBERS == 0


def test_what_does_not_continue_is_refused() -> None:
    first, second, *_ = bundle(1, count=3)
    assert second.motion is not None
    for wrong in (
        replace(second, number=(second.number + 1) % CHAINED_NUMBERS),
        replace(second, motion=replace(second.motion, reference_id=(second.motion.reference_id + 1) % 8)),
        replace(second, motion=replace(second.motion, base=not second.motion.base)),
        replace(second, motion=replace(second.motion, chained=False)),
        replace(second, motion=None),
    ):
        with pytest.raises(ConfigError):
            CODER.pack([first, wrong])
    with pytest.raises(ConfigError):
        CODER.pack([replace(first, motion=None)])


def test_a_bundle_that_fits_no_message_takes_several() -> None:
    frames = bundle(3, count=8)
    data = [bytes(frame) for frame in frames]
    whole = CODER.messages(data, first_sequence=65_535, limit=2000)
    assert [message.count for message in whole] == [8]
    most = max(len(CODER.pack([frame])) for frame in frames)
    assert most < len(whole[0].unit) - 3, "the limit below takes more than one message"
    parts = CODER.messages(data, first_sequence=65_535, limit=most + 3)
    assert len(parts) > 1
    assert [message.sequence for message in parts] == [(65_535 + n) % 65_536 for n in range(len(parts))]
    received = [MotionMessage.parse(bytes(message)) for message in parts]
    assert [frame for one in received for frame in CODER.unpack(one.unit, count=one.count)] == frames
    with pytest.raises(ConfigError):
        CODER.messages(data, first_sequence=0, limit=8)
    many = [bytes(frame) for frame in bundle(4, count=MAX_FRAMES + 1)]
    assert sum(one.count for one in CODER.messages(many, first_sequence=0, limit=5000)) == len(many)


def test_a_bundle_costs_less_than_its_frames_and_as_much_as_is_reported() -> None:
    config = CodecConfig(threads=1)
    encoder, coder = Encoder(config), BundleCoder.of(config.weights)
    frames = []
    for index, (picture, _) in enumerate(islice(read_video(SAMPLE), 0, 40)):
        square = centre_crop(*picture.shape[:2]).extract(picture, config.size)
        _, motion = encoder.encode(square, pts=3600 * index).split()
        assert motion is not None
        frames.append(motion)
    starts = [index for index, frame in enumerate(frames) if frame.motion and not frame.motion.chained]
    bundles = [frames[begin:end] for begin, end in pairwise([*starts, len(frames)])]
    packed = 8 * sum(len(coder.pack(one)) for one in bundles)
    alone = sum(8 * len(bytes(frame)) for frame in frames)
    reported = sum(information_bits(frame.motion) for frame in frames if frame.motion)
    assert alone - packed > 7 * len(frames)
    assert abs(reported - packed) < 2.5 * len(frames)
