"""Painter: it draws inside its windows and nowhere else, from the references that both ends would pick."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.expression import FACE_NUMBERS, POSE
from codec.motion.face_windows import EYE, MOUTH, WINDOWS, Window, window_frame, window_points
from codec.windows.painter import FaceReference, choose, look, paint

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

windows = pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)


class Fixed:
    """Generators that say the same for every pixel: shares of the three candidates, and what to add in levels."""

    def __init__(self, *shares: float, add: float = 0.0) -> None:
        self._said = np.array([*shares, add, add, add], np.float32)
        self.seen: dict[str, Image] = {}

    def mouth(self, inputs: Image) -> Callable[[], Floats]:
        return partial(self._say, "mouth", inputs)

    def eyes(self, inputs: Image) -> Callable[[], Floats]:
        return partial(self._say, "eyes", inputs)

    def _say(self, name: str, inputs: Image) -> Floats:
        assert inputs.dtype == np.uint8
        assert inputs.shape[3] == 15
        self.seen[name] = inputs.copy()
        return np.broadcast_to(self._said, (*inputs.shape[:3], 6)).copy()


UNDER, NEAREST, OTHER = Fixed(1, 0, 0), Fixed(0, 1, 0), Fixed(0, 0, 1)


def covered(landmarks: Floats, window: Window, *, side: int, rim: float = 1.0) -> npt.NDArray[np.bool_]:
    """The pixels of a picture that lie in a window, (side, side)."""
    y, x = np.indices((side, side))
    points = np.stack((x, y), -1).reshape(-1, 2).astype(np.float32)
    local = window_points(points, window_frame(landmarks, window))
    inside = (local > -rim).all(1) & (local < np.array([window.width, window.height]) - 1 + rim).all(1)
    return inside.reshape(side, side)


@pytest.fixture
def held(faces: Any) -> list[FaceReference]:
    return [faces.reference(seed) for seed in (1, 2, 3)]


def test_no_window_is_no_change_at_all(held: list[FaceReference], faces: Any) -> None:
    picture = faces.noise(9)
    assert paint(NEAREST, picture, faces.landmarks(5), held, windows=()) is picture


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("nets", [NEAREST, OTHER, Fixed(0.2, 0.3, 0.5, add=40)])
def test_nothing_is_drawn_outside_the_windows(nets: Fixed, side: int, faces: Any) -> None:
    picture = faces.noise(9, side=side)
    before = picture.copy()
    landmarks, held = faces.landmarks(5, side=side), [faces.reference(seed, side=side) for seed in (1, 2)]
    painted = paint(nets, picture, landmarks, held, windows=WINDOWS)
    np.testing.assert_array_equal(picture, before)
    assert (painted.shape, painted.dtype) == (picture.shape, picture.dtype)
    outside = ~np.any([covered(landmarks, window, side=side) for window in WINDOWS], axis=0)
    np.testing.assert_array_equal(painted[outside], picture[outside])
    for window in WINDOWS:
        inner = covered(landmarks, window, side=side, rim=-0.2 * window.width)
        assert np.abs(painted[inner].astype(int) - picture[inner]).mean() > 5, window.name


@pytest.mark.parametrize("windows", [(MOUTH,), EYE])
def test_only_the_windows_asked_for_are_drawn(windows: tuple[Window, ...], held: Any, faces: Any) -> None:
    picture, landmarks = faces.noise(9), faces.landmarks(5)
    painted = paint(NEAREST, picture, landmarks, held, windows=windows)
    inside = np.any([covered(landmarks, window, side=256) for window in windows], axis=0)
    np.testing.assert_array_equal(painted[~inside], picture[~inside])
    assert (painted[inside] != picture[inside]).any()


def test_the_picture_underneath_changes_nothing(held: list[FaceReference], faces: Any) -> None:
    picture = faces.noise(9)
    np.testing.assert_array_equal(paint(UNDER, picture, faces.landmarks(5), held, windows=WINDOWS), picture)


@pytest.mark.parametrize("nets", [NEAREST, OTHER, Fixed(0.2, 0.5, 0.3)])
def test_a_reference_like_the_target_changes_next_to_nothing(nets: Fixed, faces: Any) -> None:
    """Each of its pixels is taken from where it goes."""
    own = faces.reference(4)
    painted = paint(nets, own.picture, own.landmarks, [own], windows=WINDOWS)
    difference = np.abs(painted.astype(int) - own.picture)
    assert difference.max() <= 6
    assert difference.mean() < 0.3


@windows
def test_what_is_added_fades_to_the_edges(window: Window, held: list[FaceReference], faces: Any) -> None:
    picture, landmarks = np.full((256, 256, 3), 100, np.uint8), faces.landmarks(5)
    painted = paint(
        Fixed(1, 0, 0, add=50), picture, landmarks, held, windows=(MOUTH,) if window is MOUTH else EYE
    ).astype(int)
    inner = covered(landmarks, window, side=256, rim=-0.25 * window.height)
    assert np.abs(painted[inner] - 150).max() <= 1
    edge = covered(landmarks, window, side=256, rim=1) & ~covered(landmarks, window, side=256, rim=-1)
    others = [covered(landmarks, other, side=256, rim=2) for other in WINDOWS if other is not window]
    edge &= ~np.any(others, axis=0)
    assert painted[edge].mean() < 120
    steps = np.abs(np.diff(painted[..., 0], axis=1)), np.abs(np.diff(painted[..., 0], axis=0))
    assert max(step.max() for step in steps) < 40, "no seam"


@pytest.mark.parametrize("add", [-1e6, 1e6])
def test_levels_stay_in_range(add: float, held: list[FaceReference], faces: Any) -> None:
    painted = paint(Fixed(1, 0, 0, add=add), faces.noise(9), faces.landmarks(5), held, windows=WINDOWS)
    inner = covered(faces.landmarks(5), MOUTH, side=256, rim=-16)
    assert (painted[inner] == (255 if add > 0 else 0)).all()


def test_the_left_eye_is_drawn_as_a_right_one(held: list[FaceReference], faces: Any) -> None:
    """The generator sees it mirrored, and what it says is mirrored back."""
    picture, landmarks = faces.noise(9), faces.landmarks(5)
    nets = Fixed(1, 0, 0)
    paint(nets, picture, landmarks, held, windows=EYE)
    seen = nets.seen["eyes"]
    np.testing.assert_array_equal(seen[0], look(picture, landmarks, held, EYE[0]).inputs)
    np.testing.assert_array_equal(seen[1], look(picture, landmarks, held, EYE[1]).inputs[:, ::-1])

    class Sided(Fixed):
        def eyes(self, inputs: Image) -> Callable[[], Floats]:
            said = super().eyes(inputs)()
            said[:, :, : inputs.shape[2] // 2, 3:] = 60  # the outer corner's half
            return lambda: said

    flat = np.full((256, 256, 3), 100, np.uint8)
    painted = paint(Sided(1, 0, 0), flat, landmarks, held, windows=EYE)
    bright = painted[..., 0] > 130
    for window, outer in zip(EYE, (40, 56), strict=True):
        y, x = np.nonzero(bright & covered(landmarks, window, side=256))
        local = window_points(np.stack((x, y), 1).astype(np.float32), window_frame(landmarks, window))
        corner = window_points(landmarks[[outer]], window_frame(landmarks, window))[0, 0]
        assert (local[:, 0].mean() < window.width / 2) == (corner < window.width / 2), window.name


@windows
def test_what_the_generator_is_shown(window: Window, held: list[FaceReference], faces: Any) -> None:
    picture, landmarks = faces.noise(9), held[0].landmarks
    seen = look(picture, landmarks, held, window)
    assert seen.inputs.shape == (window.height, window.width, 15)
    assert seen.candidates == [held[0], held[2]], "the nearest in shape, and the one in use"
    own = look(held[0].picture, landmarks, held, window).inputs
    assert np.abs(own[..., :3].astype(int) - own[..., 3:6]).mean() < 4, "it shows the same pixels"
    np.testing.assert_array_equal(seen.inputs[..., 11:13], held[0].outlines(window))
    np.testing.assert_array_equal(seen.inputs[..., 13:15], held[2].outlines(window))
    np.testing.assert_array_equal(seen.inputs[..., 9:11], held[0].outlines(window))


@windows
def test_one_reference_alone_stands_for_both(window: Window, held: list[FaceReference], faces: Any) -> None:
    alone, landmarks = held[0], held[1].landmarks
    twin = FaceReference(alone.picture, alone.landmarks, alone.person)
    once, twice = (look(faces.noise(9), landmarks, references, window) for references in ([alone], [alone, twin]))
    assert once.candidates == [alone]
    assert once.maps.shape == (window.height, window.width, 2)
    np.testing.assert_array_equal(once.inputs, twice.inputs)


def chosen(landmarks: Floats, held: list[FaceReference], window: Window) -> tuple[FaceReference, FaceReference]:
    return choose(window_points(landmarks[list(window.shape)], window_frame(landmarks, window)), held, window)


@windows
def test_the_nearest_in_shape_and_the_one_in_use(window: Window, held: list[FaceReference]) -> None:
    first, second, used = held
    assert chosen(first.landmarks, held, window) == (first, used)
    assert chosen(second.landmarks, held, window) == (second, used)
    nearest, other = chosen(used.landmarks, held, window)
    assert nearest is used
    assert other in (first, second)
    assert chosen(first.landmarks, [used], window) == (used, used)


@windows
def test_pose_does_not_choose(window: Window, held: list[FaceReference]) -> None:
    """A face that has only moved, turned in the picture or come nearer is still nearest to itself."""
    moved = held[1].landmarks * np.float32(0.7)
    moved[:, :2] = moved[:, :2] @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + 25
    assert chosen(moved, held, window)[0] is held[1]


def test_both_ends_choose_and_draw_alike(faces: Any) -> None:
    """One has looked at its references before, the other has not."""
    ends = [[faces.reference(seed) for seed in range(1, 9)] for _ in range(2)]
    picture = faces.noise(9)
    for reference in ends[0]:
        for window in WINDOWS:
            reference.shape(window)
            reference.outlines(window)
    for seed in range(20, 28):
        landmarks = faces.landmarks(seed)
        for window in WINDOWS:
            ours, theirs = (look(picture, landmarks, held, window) for held in ends)
            places = [
                [next(n for n, one in enumerate(held) if one is candidate) for candidate in seen.candidates]
                for held, seen in zip(ends, (ours, theirs), strict=True)
            ]
            assert places[0] == places[1]
            np.testing.assert_array_equal(ours.inputs, theirs.inputs)
        painted = [paint(Fixed(0.2, 0.4, 0.4), picture, landmarks, held, windows=WINDOWS) for held in ends]
        np.testing.assert_array_equal(painted[0], painted[1])


@pytest.mark.parametrize("at", [(-400, 0), (400, 30), (0, -400), (10, 400), (-3000, 5000)])
def test_windows_beside_the_picture_draw_nothing(at: tuple[float, float], held: Any, faces: Any) -> None:
    picture, landmarks = faces.noise(9), faces.landmarks(5)
    landmarks[:, :2] += np.array(at, np.float32)
    np.testing.assert_array_equal(paint(NEAREST, picture, landmarks, held, windows=WINDOWS), picture)


@pytest.mark.parametrize("at", [(-128, 0), (120, 20), (0, -110), (0, 100)])
def test_windows_across_the_edge_are_drawn_as_far_as_they_go(at: tuple[float, float], held: Any, faces: Any) -> None:
    """As in a larger picture that is cut off there."""
    landmarks = faces.landmarks(5)
    landmarks[:, :2] += np.array(at, np.float32)
    large = np.full((512, 512, 3), 90, np.uint8)
    whole = paint(NEAREST, large, landmarks + np.array([128, 128, 0], np.float32), held, windows=WINDOWS)
    part = paint(NEAREST, large[:256, :256], landmarks, held, windows=WINDOWS)
    assert (part != 90).any()
    assert np.abs(part.astype(int) - whole[128:384, 128:384]).max() <= 3


@pytest.mark.parametrize("seed", range(40))
def test_absurd_numbers_are_drawn_somehow(seed: int, held: list[FaceReference], faces: Any) -> None:
    """Anything within the limits that a decoder keeps face numbers to."""
    random = np.random.default_rng(seed)
    numbers = random.uniform(-8, 8, FACE_NUMBERS) if seed % 2 else random.choice((-8.0, 8.0), FACE_NUMBERS)
    numbers[4:POSE] *= random.choice((1, 16, 128))
    landmarks = held[-1].person.landmarks(numbers.astype(np.float32))
    painted: Any = paint(Fixed(0.2, 0.4, 0.4), faces.noise(9), landmarks, held, windows=WINDOWS)
    assert (painted.shape, painted.dtype) == ((256, 256, 3), np.uint8)
