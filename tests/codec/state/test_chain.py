"""State: times come out as they went in, the newest references are held, faces are steps, sums stay in range."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bits.bitstream import NUMBERS, TICK, CodedMotion
from codec.bits.quantizer import SYMBOL_LIMIT
from codec.motion.expression import FACE_NUMBERS, POSE
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS
from codec.state.chain import (
    ALL_WINDOWS,
    advance,
    difference_of,
    face_steps,
    make_state,
    motion_steps,
    origin,
    pts_of,
    residual_step,
    timestamp_of,
)
from codec.state.references import HeldReference, References
from codec.weights.files import default_coding_tables
from codec.windows.painter import FaceReference

TABLES = default_coding_tables()
CLOCK = 90_000
START = 123_457  # no multiple of anything


def reference(
    *, number: int = 0, pts: int = START, duration: int = 3600, id: int = 0, face: FaceReference | None = None
) -> HeldReference:
    canonical, motion = np.zeros((KEYPOINTS, 3), np.float32), np.full(MOTION_NUMBERS, 0.123, np.float32)
    return HeldReference(
        id=id,
        number=number,
        pts=pts,
        duration=duration,
        canonical=canonical,
        qp=32,
        motion=motion,
        box=None,
        prepared=cast(Any, None),
        face=face,
        faces=() if face is None else (face,),
    )


def there_and_back(times: list[int], held: HeldReference) -> list[int]:
    """pts of the frames after a reference as the decoder finds them, one after the other."""
    near, found = held.pts, []
    for index, pts in enumerate(times):
        number = (held.number + 1 + index) % NUMBERS
        stamp = timestamp_of(pts, number=number, reference=held)
        motion = CodedMotion(held.id, False, True, 32, stamp, b"")
        near = pts_of(motion, number=number, reference=held, near=near)
        found.append(near)
    return found


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_constant_rates_are_exact(fps: int) -> None:
    duration = CLOCK // fps
    times = [START + duration * (1 + index) for index in range(3 * NUMBERS + 10)]
    assert there_and_back(times, reference(number=250, duration=duration)) == times


def test_no_time_stamp_is_needed_at_the_nominal_rate() -> None:
    held = reference(number=250)
    assert timestamp_of(START + 3600 * 20, number=(250 + 20) % NUMBERS, reference=held) is None
    near, far = (START + 3600 * 20 + off for off in (TICK // 2, TICK // 2 + 1))
    assert timestamp_of(near, number=(250 + 20) % NUMBERS, reference=held) is None, "a stamp would say no better"
    assert timestamp_of(far, number=(250 + 20) % NUMBERS, reference=held) is not None
    assert timestamp_of(START + 3600 * NUMBERS, number=250, reference=held) is not None


@pytest.mark.parametrize("fps", [25, 30])
def test_a_wrong_nominal_rate_is_still_exact(fps: int) -> None:
    times = [START + CLOCK // fps * (1 + index) for index in range(400)]
    assert there_and_back(times, reference(duration=1500)) == times


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(1, 40 * CLOCK), min_size=1, max_size=40) | st.lists(st.integers(1, 9000), min_size=300),
    st.integers(0, 255),
    st.integers(1, 0xFFFF),
)
def test_irregular_times_are_within_a_tick(gaps: list[int], number: int, duration: int) -> None:
    times = [START + sum(gaps[: index + 1]) for index in range(len(gaps))]
    found = there_and_back(times, reference(number=number, duration=duration))
    assert max(abs(a - b) for a, b in zip(times, found, strict=True)) <= CLOCK // 600


def test_the_newest_references_are_held() -> None:
    held = References()
    for number in (0, 1, 2, 3, 4, 3, 5):
        held.add(reference(id=number))
    assert held.ids == (2, 4, 3, 5)
    assert held.get(1) is None
    newest = reference(id=4, pts=99)
    held.add(newest)
    assert held.ids == (2, 3, 5, 4)
    assert held.get(4) is newest


@pytest.mark.parametrize("qp", [0, 31, 63])
def test_no_difference_is_no_motion_at_any_step(qp: int) -> None:
    held = reference()
    state = make_state(origin(held, TABLES, qp), TABLES, reference=held, number=3, pts=5, base=True)
    np.testing.assert_array_equal(state.motion, held.motion)
    assert not state.coefficients.any()
    assert (state.number, state.pts, state.reference_id) == (3, 5, held.id)


def test_differences_are_steps() -> None:
    held, qp = reference(), 40
    start = origin(held, TABLES, qp)
    motion, residual = start.motion.copy(), start.residual.copy()
    motion[4] += 3
    residual[1, 2, 0] = -2
    state = make_state(
        replace(start, motion=motion, residual=residual), TABLES, reference=held, number=0, pts=0, base=True
    )
    moved = state.motion - held.motion
    np.testing.assert_allclose(moved[4], 3 * motion_steps(TABLES, qp)[4], rtol=1e-5)
    assert np.count_nonzero(moved) == 1
    np.testing.assert_allclose(state.coefficients[1, 2, 0], -2 * residual_step(TABLES, qp), rtol=1e-6)


@pytest.mark.parametrize("qp", [0, 31, 63])
def test_no_difference_is_the_references_own_face(qp: int, faces: Any) -> None:
    held = reference(face=faces.reference(1))
    chain = origin(held, TABLES, qp)
    state = make_state(chain, TABLES, reference=held, number=3, pts=5, base=True)
    assert held.face is not None
    np.testing.assert_array_equal(state.face, held.face.person.own)
    assert chain.windows == ALL_WINDOWS
    assert state.windows == 0, "the reference shows it already"
    faceless = origin(reference(), TABLES, qp)
    assert faceless.windows == ALL_WINDOWS, "until something is told of it"
    assert make_state(faceless, TABLES, reference=reference(), number=3, pts=5, base=True).windows == 0


@pytest.mark.parametrize("qp", [0, 32, 63])
@pytest.mark.parametrize("number", [0, 3, 5, POSE, FACE_NUMBERS - 1])
def test_face_differences_are_steps(number: int, qp: int, faces: Any) -> None:
    """Everywhere in the picture and at every quality."""
    held = reference(face=faces.reference(1))
    start = origin(held, TABLES, qp)
    face = start.face.copy()
    face[number] += 2
    state = make_state(replace(start, face=face), TABLES, reference=held, number=0, pts=0, base=True)
    assert held.face is not None
    moved = state.face - held.face.person.own
    np.testing.assert_allclose(moved[number], 2 * face_steps(TABLES, qp)[number], atol=1e-4)
    assert np.count_nonzero(moved) == 1
    assert state.windows == ALL_WINDOWS


def test_the_windows_are_named_and_not_added(faces: Any) -> None:
    held = reference(face=faces.reference(1))
    start = origin(held, TABLES, 32)
    face = start.face + 1
    for windows in range(ALL_WINDOWS + 1):
        chain = replace(start, face=face, windows=windows)
        again = advance(start, difference_of(chain, start))
        assert again.windows == windows
        np.testing.assert_array_equal(again.face, face)
        assert make_state(again, TABLES, reference=held, number=0, pts=0, base=True).windows == windows


@pytest.mark.parametrize("extreme", [SYMBOL_LIMIT, -SYMBOL_LIMIT])
def test_no_chain_leaves_the_range(extreme: int, faces: Any) -> None:
    held = reference(face=faces.reference(1))
    chain = origin(held, TABLES, 63)
    step = replace(
        chain,
        motion=np.full(MOTION_NUMBERS, 2 * extreme, np.int32),
        residual=np.full(COEFFICIENTS, 2 * extreme, np.int32),
        face=np.full(FACE_NUMBERS, 2 * extreme, np.int32),
    )
    for _ in range(10):
        chain = advance(chain, step)
    assert np.abs(chain.motion).max() == np.abs(chain.face).max() == SYMBOL_LIMIT
    state = make_state(chain, TABLES, reference=held, number=0, pts=0, base=True)
    assert np.isfinite(np.exp(state.motion)).all()
    assert np.isfinite(state.coefficients).all()
    assert np.isfinite(np.exp(state.face[3]))
    assert held.face is not None
    assert np.isfinite(held.face.person.landmarks(state.face)).all()


@pytest.mark.parametrize("change", [lambda m: m * np.float32(1e30), lambda m: m - np.float32(1e9)])
def test_an_absurd_reference_gives_a_finite_state(change: Callable[[Any], Any]) -> None:
    held = reference()
    held = replace(held, motion=change(held.motion))
    state = make_state(origin(held, TABLES, 0), TABLES, reference=held, number=0, pts=0, base=True)
    assert np.isfinite(np.exp(state.motion)).all()
