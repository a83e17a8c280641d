"""Face search: what is sent of a face is the face, at every quality; windows are compared and remembered."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from codec.decisions.face_search import FaceSearch
from codec.motion.expression import POSE
from codec.motion.parameters import FLOW_SIZE, KEYPOINTS, MOTION_NUMBERS
from codec.state.chain import (
    ALL_WINDOWS,
    EYES_BIT,
    FACE_BIT,
    MOUTH_BIT,
    Chain,
    MotionState,
    face_steps,
    make_state,
    origin,
)
from codec.state.references import HeldReference
from codec.state.show import show, under
from codec.weights.files import default_coding_tables
from codec.windows.painter import FaceReference

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

TABLES = default_coding_tables()


class Still:
    """Networks that show the reference as it is, and draw windows of one level."""

    def __init__(self, level: float = 200.0) -> None:
        self._said = np.array([0, 0, 0, level, level, level], np.float32)
        self._said[0] = 1.0

    def base_flow(self, reference: Any, *, driving_motion: Floats) -> tuple[Floats, Floats]:
        return np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32), np.ones((FLOW_SIZE, FLOW_SIZE), np.float32)

    def generate(self, reference: Any, *, flow: Floats, occlusion: Floats, refined: bool, generated: bool) -> Image:
        assert refined
        assert generated
        return np.asarray(reference.picture)

    def mouth(self, inputs: Image) -> Callable[[], Floats]:
        return lambda: np.broadcast_to(self._said, (*inputs.shape[:3], 6)).copy()

    eyes = mouth

    def mouth_points(self, crop: Image) -> Floats:
        return np.zeros((40, 2), np.float32)

    def eye_points(self, crop: Image) -> Floats:
        return np.zeros((17, 2), np.float32)


class Prepared:
    def __init__(self, picture: Image) -> None:
        self.picture = picture


def held_with(face: FaceReference | None, picture: Image) -> HeldReference:
    return HeldReference(
        id=2,
        number=0,
        pts=0,
        duration=3600,
        canonical=np.zeros((KEYPOINTS, 3), np.float32),
        qp=32,
        motion=np.zeros(MOTION_NUMBERS, np.float32),
        box=None,
        prepared=cast(Any, Prepared(picture)),
        face=face,
        faces=() if face is None else (face,),
    )


@pytest.fixture
def held(faces: Any) -> HeldReference:
    face = faces.reference(1)
    return held_with(face, face.picture // 4)


def search_with(runtime: Still) -> FaceSearch:
    return FaceSearch(cast(Any, runtime), TABLES)


def state_of(held: HeldReference) -> Any:
    return partial(make_state, tables=TABLES, reference=held, number=1, pts=3600, base=True)


def person(held: HeldReference) -> Any:
    assert held.face is not None
    return held.face.person


@pytest.mark.parametrize("qp", [0, 8, 32, 63])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_sent_is_the_face(seed: int, qp: int, held: HeldReference, faces: Any) -> None:
    """Within what a step and the dead zone leave open."""
    start = origin(held, TABLES, qp)
    wanted = person(held).landmarks(faces.numbers(seed))
    found = search_with(Still()).numbers(held, start=start, landmarks=wanted)
    state = state_of(held)(replace(start, face=found))
    away = np.abs(state.face - person(held).numbers(wanted)) / face_steps(TABLES, qp)
    assert away.max() <= 1.3, "half a step at both ends, and the dead zone"
    assert np.abs(person(held).landmarks(state.face) - wanted)[:, :2].mean() < 0.3 + 3 * qp / 63


@pytest.mark.parametrize("qp", [0, 63])
@pytest.mark.parametrize(("zoom", "shift"), [(1.7, 0.0), (0.4, 0.0), (1.0, 100.0), (1.0, -100.0), (2.6, 100.0)])
def test_near_and_far_faces_are_followed_at_every_quality(
    zoom: float, shift: float, qp: int, held: HeldReference
) -> None:
    start, own = origin(held, TABLES, qp), person(held).own
    numbers = own.copy()
    numbers[3] += np.log(zoom)
    numbers[4:POSE] += shift
    found = search_with(Still()).numbers(held, start=start, landmarks=person(held).landmarks(numbers))
    state = state_of(held)(replace(start, face=found))
    np.testing.assert_allclose(state.face[3:POSE], numbers[3:POSE], atol=1.5 * face_steps(TABLES, qp)[3:POSE].max())


def test_a_still_face_costs_nothing(held: HeldReference) -> None:
    """And one that trembles by less than the dead zone."""
    assert held.face is not None
    start = origin(held, TABLES, 32)
    search = search_with(Still())
    np.testing.assert_array_equal(search.numbers(held, start=start, landmarks=held.face.landmarks), start.face)
    trembling = held.face.landmarks + np.float32(0.05)
    np.testing.assert_array_equal(search.numbers(held, start=start, landmarks=trembling), start.face)


def test_without_a_face_there_are_no_numbers(faces: Any) -> None:
    held = held_with(None, faces.noise(3))
    start, search = origin(held, TABLES, 32), search_with(Still())
    np.testing.assert_array_equal(search.numbers(held, start=start, landmarks=faces.landmarks(1)), start.face)
    assert search.choose(start, held, state=state_of(held), target=faces.noise(4)) == (start, None)


@pytest.fixture
def moved(held: HeldReference, faces: Any) -> Chain:
    """A chain whose face is that of somebody else's numbers, moved by it."""
    start = origin(held, TABLES, 32)
    landmarks = person(held).landmarks(faces.numbers(5))
    return replace(start, face=search_with(Still()).numbers(held, start=start, landmarks=landmarks), windows=FACE_BIT)


def shown(runtime: Still, held: HeldReference, chain: Chain) -> Image:
    return show(cast(Any, runtime), held, state_of(held)(chain))


def test_windows_that_help_are_drawn(held: HeldReference, moved: Chain) -> None:
    runtime = Still()
    target = shown(runtime, held, replace(moved, windows=ALL_WINDOWS))
    chosen, picture = search_with(runtime).choose(moved, held, state=state_of(held), target=target)
    assert chosen.windows == ALL_WINDOWS
    assert picture is not None
    np.testing.assert_array_equal(picture, target)
    np.testing.assert_array_equal(chosen.face, moved.face)


@pytest.mark.parametrize("bit", [MOUTH_BIT, EYES_BIT])
def test_only_what_helps_is_drawn_and_that_is_remembered(bit: int, held: HeldReference, moved: Chain) -> None:
    """Until it is measured again."""
    runtime = Still()
    search = search_with(runtime)
    before, nothing = search.choose(moved, held, state=state_of(held), target=None)
    assert (before.windows, nothing) == (ALL_WINDOWS, None), "as long as nothing is known"
    target = shown(runtime, held, replace(moved, windows=FACE_BIT | bit))
    chosen, picture = search.choose(moved, held, state=state_of(held), target=target)
    assert chosen.windows == FACE_BIT | bit
    assert picture is not None
    np.testing.assert_array_equal(picture, shown(runtime, held, chosen))
    later, nothing = search.choose(moved, held, state=state_of(held), target=None)
    assert (later.windows, nothing) == (FACE_BIT | bit, None)


def test_a_monster_is_not_drawn(held: HeldReference, moved: Chain) -> None:
    runtime = Still(level=255.0)
    target = under(cast(Any, runtime), held, state_of(held)(moved))
    chosen, picture = search_with(runtime).choose(moved, held, state=state_of(held), target=target)
    assert chosen.windows == FACE_BIT
    np.testing.assert_array_equal(np.asarray(picture), target)


def test_keypoints_that_move_a_face_leave_its_windows_alone(held: HeldReference, moved: Chain, faces: Any) -> None:
    chain = replace(moved, windows=0)
    assert search_with(Still()).choose(chain, held, state=state_of(held), target=faces.noise(1)) == (chain, None)


@pytest.mark.parametrize("windows", [0, FACE_BIT, FACE_BIT | MOUTH_BIT, ALL_WINDOWS])
def test_a_state_that_is_judged_is_shown_as_it_is(windows: int, held: HeldReference, moved: Chain, faces: Any) -> None:
    """Whatever is found out for the frames to come."""
    runtime = Still()
    state: MotionState = state_of(held)(replace(moved, windows=windows))
    picture = search_with(runtime).judge(held, state, faces.noise(6))
    np.testing.assert_array_equal(picture, show(cast(Any, runtime), held, state))
