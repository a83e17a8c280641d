"""Walks: reading follows writing, counting agrees, the activity class found is a good one, damage has a name."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bits.entropy import Counter, Reader, Writer
from codec.bits.quantizer import SYMBOL_LIMIT, Symbols
from codec.bits.symbols import CLASSES, WINDOW_SETS, SymbolCoder, coded_diagonals
from codec.errors import BitstreamError
from codec.motion.expression import FACE_NUMBERS
from codec.motion.face_box import FaceBox
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS, DIAGONALS
from codec.state.chain import ALL_WINDOWS, FACE_BIT, STILL_BIT, Chain, advance, read_frame, walk_frame, write_frame
from codec.state.reference_facts import walk_pose
from codec.weights.files import default_coding_tables

SYMBOLS = SymbolCoder.of(default_coding_tables())
SLACK_BITS = 16

seeds = st.integers(0, 2**32 - 1)
FACES = tuple(range(FACE_BIT, ALL_WINDOWS + 1))
SETS = (0, *FACES, *(bits | STILL_BIT for bits in FACES))  # of windows, that can be coded
sets = st.sampled_from(SETS)
spreads = st.sampled_from((0.0, 0.05, 0.3, 1.0, 4.0, 30.0, 700.0))


def drawn(seed: int, spread: float, shape: tuple[int, ...]) -> Symbols:
    values = np.random.default_rng(seed).laplace(0, spread, shape)
    return np.clip(np.round(values), -SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int32)


def drawn_residual(seed: int, spread: float, diagonals: int) -> Symbols:
    u, v = np.indices(COEFFICIENTS[1:])
    return np.where(u + v < diagonals, drawn(seed, spread, COEFFICIENTS), 0).astype(np.int32)


def frame(motion: Symbols, residual: Symbols, *, face: Symbols | None = None, windows: int = 0) -> Chain:
    return Chain(32, motion, residual, np.zeros(FACE_NUMBERS, np.int32) if face is None else face, windows)


def counted(difference: Chain, activities: tuple[int, int, int], *, windows: int = 0) -> float:
    counter = Counter(SYMBOLS.models)
    walk_frame(SYMBOLS, counter, difference, windows=windows, activities=activities)
    return counter.bits


def escapes(*parts: Symbols) -> int:
    return sum(int((np.abs(part) > 15).sum()) for part in parts)


@settings(deadline=None, max_examples=60)
@given(seeds, spreads, spreads, st.integers(0, DIAGONALS))
def test_frames_are_read_as_written(seed: int, motion_spread: float, residual_spread: float, diagonals: int) -> None:
    motion = drawn(seed, motion_spread, (MOTION_NUMBERS,))
    residual = drawn_residual(seed + 1, residual_spread, diagonals)
    data, base_bits = write_frame(SYMBOLS, frame(motion, residual), windows=0)
    read = read_frame(SYMBOLS, data, qp=17, windows=0)
    assert read.qp == 17
    assert read.windows == 0
    np.testing.assert_array_equal(read.motion, motion)
    np.testing.assert_array_equal(read.residual, residual)
    assert not read.face.any()
    assert (data == b"") == (not motion.any() and not residual.any())
    if data:
        activities = SYMBOLS.motion_activity(motion), 0, SYMBOLS.residual_activity(residual)
        bits = counted(frame(motion, residual), activities)
        assert 8 * len(data) <= bits + SLACK_BITS + 4 * escapes(motion, residual)
        assert base_bits <= bits + 1


@settings(deadline=None, max_examples=100)
@given(seeds, spreads, st.sampled_from((0.0, 0.3)), sets, sets)
def test_faces_are_read_as_written(seed: int, spread: float, other: float, before: int, now: int) -> None:
    """Where a face serves, it is coded in place of the motion; where none does, the one before stays."""
    nothing = np.zeros(MOTION_NUMBERS, np.int32), np.zeros(FACE_NUMBERS, np.int32)
    motion = nothing[0] if now else drawn(seed, spread, (MOTION_NUMBERS,))
    face = drawn(seed, spread, (FACE_NUMBERS,)) if now else nothing[1]
    residual = drawn_residual(seed + 1, other, 6)
    difference = frame(motion, residual, face=face, windows=now)
    data, base_bits = write_frame(SYMBOLS, difference, windows=before)
    read = read_frame(SYMBOLS, data, qp=17, windows=before)
    assert read.windows == now
    for part in ("motion", "residual", "face"):
        np.testing.assert_array_equal(getattr(read, part), getattr(difference, part))
    still = not (motion.any() or residual.any() or face.any())
    assert (data == b"") == (still and now == before)
    if data:
        activities = (SYMBOLS.motion_activity(motion), SYMBOLS.face_activity(face), SYMBOLS.residual_activity(residual))
        bits = counted(difference, activities, windows=before)
        assert 8 * len(data) <= bits + SLACK_BITS + 4 * escapes(motion, residual, face)
        assert base_bits <= bits + 1


def test_without_a_face_no_face_symbols_are_coded() -> None:
    """But for the one that says so."""
    motion, residual = drawn(1, 1.0, (MOTION_NUMBERS,)), drawn_residual(2, 1.0, 4)
    face = drawn(3, 1.0, (FACE_NUMBERS,))
    activities = SYMBOLS.motion_activity(motion), SYMBOLS.face_activity(face), SYMBOLS.residual_activity(residual)
    alone = Counter(SYMBOLS.models)
    SYMBOLS.windows(alone, 0, before=ALL_WINDOWS)
    SYMBOLS.motion(alone, motion, activity=activities[0])
    SYMBOLS.residual(alone, residual, activity=activities[2])
    faced = frame(motion, residual, face=face)
    assert counted(faced, activities, windows=ALL_WINDOWS) == pytest.approx(alone.bits)
    data, _ = write_frame(SYMBOLS, faced, windows=ALL_WINDOWS)
    assert not read_frame(SYMBOLS, data, qp=32, windows=ALL_WINDOWS).face.any()


@pytest.mark.parametrize("drawn_now", sorted(set(range(WINDOW_SETS)) - set(SETS)))
def test_windows_without_a_face_are_refused(drawn_now: int) -> None:
    """Mouth and eyes are drawn from face numbers alone; what else a peer writes is damage."""
    writer = Writer(SYMBOLS.models)
    writer.category(drawn_now, SYMBOLS.window_sets[ALL_WINDOWS])
    with pytest.raises(BitstreamError):
        read_frame(SYMBOLS, writer.to_bytes() or b"\0", qp=32, windows=ALL_WINDOWS)


fields = st.tuples(*(st.integers(0, size - 1) for size in FaceBox.SIZES))
boxes = st.none() | fields.map(lambda values: FaceBox(*values))


@settings(deadline=None, max_examples=60)
@given(seeds, spreads, st.booleans(), boxes)
def test_poses_are_read_as_written(seed: int, spread: float, intra: bool, box: FaceBox | None) -> None:
    offsets = drawn(seed, spread, (KEYPOINTS, 3)) if intra else None
    difference = drawn(seed + 1, spread, (MOTION_NUMBERS,))
    writer = Writer(SYMBOLS.models)
    activity = SYMBOLS.motion_activity(difference)
    walk_pose(SYMBOLS, writer, offsets=offsets, difference=difference, activity=activity, box=box)
    blank = np.zeros((KEYPOINTS, 3), np.int32) if intra else None
    reader = Reader(writer.to_bytes(), SYMBOLS.models)
    still = np.zeros(MOTION_NUMBERS, np.int32)
    there, moved, found = walk_pose(SYMBOLS, reader, offsets=blank, difference=still, activity=0, box=None)
    np.testing.assert_array_equal(moved, difference)
    assert found == box
    assert (there is None) == (offsets is None)
    if there is not None and offsets is not None:
        np.testing.assert_array_equal(there, offsets)


@settings(deadline=None, max_examples=60)
@given(seeds, spreads, st.lists(st.integers(0, DIAGONALS), min_size=1, max_size=4))
def test_costs_are_those_of_the_walks(seed: int, spread: float, diagonals: list[int]) -> None:
    motion = drawn(seed, spread, (MOTION_NUMBERS,))
    face = drawn(seed + 9, spread, (FACE_NUMBERS,))
    residuals = np.stack([drawn_residual(seed + number, spread, count) for number, count in enumerate(diagonals)])
    motion_bits, residual_bits = SYMBOLS.costs.motion(motion), SYMBOLS.costs.residual(residuals)
    face_bits = SYMBOLS.costs.face(face)
    assert motion_bits.shape == face_bits.shape == (CLASSES,)
    assert residual_bits.shape == (len(residuals), CLASSES)
    for activity in range(CLASSES):
        counter = Counter(SYMBOLS.models)
        SYMBOLS.motion(counter, motion, activity=activity)
        assert motion_bits[activity] == pytest.approx(counter.bits)
        counter = Counter(SYMBOLS.models)
        SYMBOLS.face(counter, face, activity=activity)
        assert face_bits[activity] == pytest.approx(counter.bits)
        for residual, bits in zip(residuals, residual_bits[:, activity], strict=True):
            counter = Counter(SYMBOLS.models)
            SYMBOLS.residual(counter, residual, activity=activity)
            assert bits == pytest.approx(counter.bits)
    chosen = [row[SYMBOLS.residual_activity(residual)] for residual, row in zip(residuals, residual_bits, strict=True)]
    assert SYMBOLS.residual_bits(residuals) == pytest.approx(chosen)
    assert face_bits[SYMBOLS.face_activity(face)] == face_bits.min()


def test_a_walk_of_a_counter_costs_what_the_class_says() -> None:
    still = frame(np.zeros(MOTION_NUMBERS, np.int32), np.zeros(COEFFICIENTS, np.int32))
    by_class = [counted(still, (activity, 0, 0)) for activity in range(CLASSES)]
    assert by_class == sorted(by_class), "stillness is cheapest in the quietest class"


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from((0.05, 0.2, 0.5, 1.0, 2.0, 5.0)))
def test_the_activity_search_finds_the_cheapest_class(seed: int, spread: float) -> None:
    motion, residual = drawn(seed, spread, (MOTION_NUMBERS,)), drawn_residual(seed, spread, 5)
    chosen = SYMBOLS.motion_activity(motion), SYMBOLS.residual_activity(residual)
    assert 0 <= min(chosen) <= max(chosen) < CLASSES
    cheapest = min(counted(frame(motion, 0 * residual), (activity, 0, 0)) for activity in range(CLASSES))
    assert counted(frame(motion, 0 * residual), (chosen[0], 0, 0)) <= cheapest + 1e-6
    if residual.any():
        cheapest = min(counted(frame(motion, residual), (chosen[0], 0, activity)) for activity in range(CLASSES))
        assert counted(frame(motion, residual), (chosen[0], 0, chosen[1])) <= cheapest + 1e-6


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
    data, _ = write_frame(SYMBOLS, frame(np.zeros(MOTION_NUMBERS, np.int32), residual), windows=0)
    np.testing.assert_array_equal(read_frame(SYMBOLS, data, qp=32, windows=0).residual, residual)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80), sets)
def test_any_bytes_are_a_frame_or_refused_by_name(data: bytes, windows: int) -> None:
    try:
        read = read_frame(SYMBOLS, data, qp=32, windows=windows)
    except BitstreamError:
        return
    assert read.motion.shape == (MOTION_NUMBERS,)
    assert read.residual.shape == COEFFICIENTS
    assert read.face.shape == (FACE_NUMBERS,)
    assert read.motion.dtype == read.residual.dtype == read.face.dtype == np.int32
    assert read.windows in SETS
    chain = read
    for _ in range(5):
        chain = advance(chain, read)
    assert max(np.abs(part).max() for part in (chain.motion, chain.residual, chain.face)) <= SYMBOL_LIMIT


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_a_pose_or_refused_by_name(data: bytes, intra: bool) -> None:
    blank = np.zeros((KEYPOINTS, 3), np.int32) if intra else None
    still = np.zeros(MOTION_NUMBERS, np.int32)
    try:
        reader = Reader(data, SYMBOLS.models)
        _, moved, box = walk_pose(SYMBOLS, reader, offsets=blank, difference=still, activity=0, box=None)
    except BitstreamError:
        return
    assert moved.shape == (MOTION_NUMBERS,)
    assert box is None or all(0 <= value < size for value, size in zip(astuple(box), FaceBox.SIZES, strict=True))


@pytest.mark.parametrize("value", [SYMBOL_LIMIT, -SYMBOL_LIMIT])
def test_the_largest_step_of_a_chain_travels(value: int) -> None:
    """From one end of the range to the other."""
    motion, face = np.full(MOTION_NUMBERS, value, np.int32), np.full(FACE_NUMBERS, value, np.int32)
    still = np.zeros(COEFFICIENTS, np.int32)
    data, _ = write_frame(SYMBOLS, frame(2 * motion, still), windows=ALL_WINDOWS)
    after = advance(frame(-motion, still), read_frame(SYMBOLS, data, qp=32, windows=ALL_WINDOWS))
    assert (after.motion == value).all()
    step = frame(0 * motion, still, face=2 * face, windows=ALL_WINDOWS)
    data, _ = write_frame(SYMBOLS, step, windows=ALL_WINDOWS)
    before = frame(motion, still, face=-face, windows=ALL_WINDOWS)
    after = advance(before, read_frame(SYMBOLS, data, qp=32, windows=ALL_WINDOWS))
    assert (after.face == value).all()
    assert (after.motion == value).all(), "it stays where it was"
