"""Walks: reading follows writing, counting agrees, the activity class found is a good one, damage has a name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bits.entropy import Counter, Reader, Writer
from codec.bits.quantizer import SYMBOL_LIMIT, Symbols
from codec.bits.symbols import CLASSES, SymbolCoder, coded_diagonals
from codec.errors import BitstreamError
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS, DIAGONALS
from codec.state.chain import Chain, advance, read_frame, walk_frame, write_frame
from codec.state.reference_pose import walk_pose
from codec.weights.files import default_coding_tables

SYMBOLS = SymbolCoder.of(default_coding_tables())
SLACK_BITS = 16

seeds = st.integers(0, 2**32 - 1)
spreads = st.sampled_from((0.0, 0.05, 0.3, 1.0, 4.0, 30.0, 700.0))


def drawn(seed: int, spread: float, shape: tuple[int, ...]) -> Symbols:
    values = np.random.default_rng(seed).laplace(0, spread, shape)
    return np.clip(np.round(values), -SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int32)


def drawn_residual(seed: int, spread: float, diagonals: int) -> Symbols:
    u, v = np.indices(COEFFICIENTS[1:])
    return np.where(u + v < diagonals, drawn(seed, spread, COEFFICIENTS), 0).astype(np.int32)


def frame(motion: Symbols, residual: Symbols) -> Chain:
    return Chain(32, motion, residual)


def counted(difference: Chain, activities: tuple[int, int]) -> float:
    counter = Counter(SYMBOLS.models)
    walk_frame(SYMBOLS, counter, difference, activities=activities)
    return counter.bits


@settings(deadline=None, max_examples=60)
@given(seeds, spreads, spreads, st.integers(0, DIAGONALS))
def test_frames_are_read_as_written(seed: int, motion_spread: float, residual_spread: float, diagonals: int) -> None:
    motion = drawn(seed, motion_spread, (MOTION_NUMBERS,))
    residual = drawn_residual(seed + 1, residual_spread, diagonals)
    data, base_bits = write_frame(SYMBOLS, frame(motion, residual))
    read = read_frame(SYMBOLS, data, qp=17)
    assert read.qp == 17
    np.testing.assert_array_equal(read.motion, motion)
    np.testing.assert_array_equal(read.residual, residual)
    assert (data == b"") == (not motion.any() and not residual.any())
    if data:
        activities = SYMBOLS.motion_activity(motion), SYMBOLS.residual_activity(residual)
        bits = counted(frame(motion, residual), activities)
        escapes = int((np.abs(motion) > 15).sum() + (np.abs(residual) > 15).sum())
        assert 8 * len(data) <= bits + SLACK_BITS + 4 * escapes
        assert base_bits <= bits + 1


@settings(deadline=None, max_examples=30)
@given(seeds, spreads, st.booleans())
def test_poses_are_read_as_written(seed: int, spread: float, intra: bool) -> None:
    offsets = drawn(seed, spread, (KEYPOINTS, 3)) if intra else None
    difference = drawn(seed + 1, spread, (MOTION_NUMBERS,))
    writer = Writer(SYMBOLS.models)
    activity = SYMBOLS.motion_activity(difference)
    walk_pose(SYMBOLS, writer, offsets=offsets, difference=difference, activity=activity)
    blank = np.zeros((KEYPOINTS, 3), np.int32) if intra else None

    def read(reader: Reader) -> tuple[Symbols | None, Symbols]:
        return walk_pose(SYMBOLS, reader, offsets=blank, difference=np.zeros(MOTION_NUMBERS, np.int32), activity=0)

    there, moved = read(Reader(writer.to_bytes(), SYMBOLS.models))
    np.testing.assert_array_equal(moved, difference)
    assert (there is None) == (offsets is None)
    if there is not None and offsets is not None:
        np.testing.assert_array_equal(there, offsets)


@settings(deadline=None, max_examples=60)
@given(seeds, spreads, st.lists(st.integers(0, DIAGONALS), min_size=1, max_size=4))
def test_costs_are_those_of_the_walks(seed: int, spread: float, diagonals: list[int]) -> None:
    motion = drawn(seed, spread, (MOTION_NUMBERS,))
    residuals = np.stack([drawn_residual(seed + number, spread, count) for number, count in enumerate(diagonals)])
    motion_bits, residual_bits = SYMBOLS.costs.motion(motion), SYMBOLS.costs.residual(residuals)
    assert motion_bits.shape == (CLASSES,)
    assert residual_bits.shape == (len(residuals), CLASSES)
    for activity in range(CLASSES):
        counter = Counter(SYMBOLS.models)
        SYMBOLS.motion(counter, motion, activity=activity)
        assert motion_bits[activity] == pytest.approx(counter.bits)
        for residual, bits in zip(residuals, residual_bits[:, activity], strict=True):
            counter = Counter(SYMBOLS.models)
            SYMBOLS.residual(counter, residual, activity=activity)
            assert bits == pytest.approx(counter.bits)
    chosen = [row[SYMBOLS.residual_activity(residual)] for residual, row in zip(residuals, residual_bits, strict=True)]
    assert SYMBOLS.residual_bits(residuals) == pytest.approx(chosen)


def test_a_walk_of_a_counter_costs_what_the_class_says() -> None:
    still = frame(np.zeros(MOTION_NUMBERS, np.int32), np.zeros(COEFFICIENTS, np.int32))
    by_class = [counted(still, (activity, 0)) for activity in range(CLASSES)]
    assert by_class == sorted(by_class), "stillness is cheapest in the quietest class"


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from((0.05, 0.2, 0.5, 1.0, 2.0, 5.0)))
def test_the_activity_search_finds_the_cheapest_class(seed: int, spread: float) -> None:
    motion, residual = drawn(seed, spread, (MOTION_NUMBERS,)), drawn_residual(seed, spread, 5)
    chosen = SYMBOLS.motion_activity(motion), SYMBOLS.residual_activity(residual)
    assert 0 <= min(chosen) <= max(chosen) < CLASSES
    cheapest = min(counted(frame(motion, 0 * residual), (activity, 0)) for activity in range(CLASSES))
    assert counted(frame(motion, 0 * residual), (chosen[0], 0)) <= cheapest + 1e-6
    if residual.any():
        cheapest = min(counted(frame(motion, residual), (chosen[0], activity)) for activity in range(CLASSES))
        assert counted(frame(motion, residual), chosen) <= cheapest + 1e-6


@settings(deadline=None, max_examples=60)
@given(seeds, st.integers(0, DIAGONALS))
def test_coded_diagonals_hold_everything(seed: int, diagonals: int) -> None:
    residual = drawn_residual(seed, 1.0, diagonals)
    found = coded_diagonals(residual)
    u, v = np.indices(COEFFICIENTS[1:])
    assert found <= diagonals
    assert not residual[:, u + v >= found].any()
    assert found == 0 or residual[:, u + v == found - 1].any()


def test_the_last_coefficient_travels() -> None:
    residual = np.zeros(COEFFICIENTS, np.int32)
    residual[1, -1, -1] = -3
    data, _ = write_frame(SYMBOLS, frame(np.zeros(MOTION_NUMBERS, np.int32), residual))
    np.testing.assert_array_equal(read_frame(SYMBOLS, data, qp=32).residual, residual)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_frame_or_refused_by_name(data: bytes) -> None:
    try:
        read = read_frame(SYMBOLS, data, qp=32)
    except BitstreamError:
        return
    assert read.motion.shape == (MOTION_NUMBERS,)
    assert read.residual.shape == COEFFICIENTS
    assert read.motion.dtype == read.residual.dtype == np.int32
    chain = read
    for _ in range(5):
        chain = advance(chain, read)
    assert max(np.abs(chain.motion).max(), np.abs(chain.residual).max()) <= SYMBOL_LIMIT


@pytest.mark.parametrize("value", [SYMBOL_LIMIT, -SYMBOL_LIMIT])
def test_the_largest_step_of_a_chain_travels(value: int) -> None:
    """From one end of the range to the other."""
    motion = np.full(MOTION_NUMBERS, 2 * value, np.int32)
    data, _ = write_frame(SYMBOLS, frame(motion, np.zeros(COEFFICIENTS, np.int32)))
    before = frame(np.full(MOTION_NUMBERS, -value, np.int32), np.zeros(COEFFICIENTS, np.int32))
    assert (advance(before, read_frame(SYMBOLS, data, qp=32)).motion == value).all()
