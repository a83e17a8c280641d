"""Window choice: a window is drawn where that helps, or costs a little and shows the shape; mouth and eyes apart."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from codec.decisions.window_choice import windows_worth_drawing
from codec.motion.face_windows import EYE, MOUTH, Window, window_frame, window_points
from codec.state.chain import EYES_BIT, MOUTH_BIT

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]


class Sighted:
    """Networks that see lips and lids the farther from where they are drawn, the brighter or darker a window is."""

    def __init__(self, *, better: Literal["dark", "bright"]) -> None:
        self._better = better

    def mouth_points(self, crop: Image) -> Floats:
        return self._see(crop, 40)

    def eye_points(self, crop: Image) -> Floats:
        return self._see(crop, 17)

    def landmarks(self, crop: Image) -> Floats:
        raise AssertionError("the whole face is known")

    def _see(self, crop: Image, points: int) -> Floats:
        level = float(crop.mean()) / 255
        return np.full((points, 2), 50 * (level if self._better == "dark" else 1 - level), np.float32)


DARK, BRIGHT = Sighted(better="dark"), Sighted(better="bright")


def within(landmarks: Floats, windows: Sequence[Window]) -> npt.NDArray[np.bool_]:
    """The pixels of a 256x256 picture that lie in some windows, and one more all around."""
    y, x = np.indices((256, 256))
    points = np.stack((x, y), -1).reshape(-1, 2).astype(np.float32)
    inside = np.zeros(256 * 256, bool)
    for window in windows:
        local = window_points(points, window_frame(landmarks, window))
        inside |= (local > -2).all(1) & (local < (window.width + 1, window.height + 1)).all(1)
    return inside.reshape(256, 256)


def off(target: Image, landmarks: Floats, *, by: float, windows: Sequence[Window] = (MOUTH, *EYE)) -> Image:
    """The target, wrong by so many levels in some windows."""
    picture = target.astype(np.float32)
    picture[within(landmarks, windows)] += by
    return picture.round().astype(np.uint8)


@pytest.fixture
def landmarks(faces: Any) -> Any:
    return faces.landmarks(3)


@pytest.fixture
def target(faces: Any) -> Any:
    """Of middling levels, so that there is room for errors either way."""
    return (faces.noise(1) // 2 + 60).astype(np.uint8)


def test_what_is_right_is_drawn(target: Image, landmarks: Floats) -> None:
    without = off(target, landmarks, by=20)
    assert (
        windows_worth_drawing(BRIGHT, target, without=without, drawn=target, landmarks=landmarks)
        == MOUTH_BIT | EYES_BIT
    )


@pytest.mark.parametrize("nets", [DARK, BRIGHT])
def test_a_monster_is_not(nets: Sighted, target: Image, landmarks: Floats) -> None:
    """Even where its lips and lids are in place."""
    drawn, without = off(target, landmarks, by=60), off(target, landmarks, by=10)
    assert windows_worth_drawing(nets, target, without=without, drawn=drawn, landmarks=landmarks) == 0


@pytest.mark.parametrize(("windows", "bits"), [((MOUTH,), EYES_BIT), (EYE, MOUTH_BIT)])
def test_mouth_and_eyes_are_judged_apart(
    windows: Sequence[Window], bits: int, target: Image, landmarks: Floats
) -> None:
    drawn, without = off(target, landmarks, by=40, windows=windows), off(target, landmarks, by=15)
    assert windows_worth_drawing(BRIGHT, target, without=without, drawn=drawn, landmarks=landmarks) == bits


@pytest.mark.parametrize(
    ("levels", "nets", "drawn"),
    [
        (9.0, BRIGHT, True),  # 81 of 100: a little better
        (9.0, DARK, True),
        (10.0, BRIGHT, False),  # no better, no worse
        (10.0, DARK, True),
        (13.0, BRIGHT, False),  # 169 of 100
        (13.0, DARK, True),
        (15.0, DARK, False),  # 225 of 100: too much, whatever it shows
    ],
)
def test_a_window_may_cost_a_little_where_it_shows_the_shape(
    levels: float, nets: Sighted, drawn: bool, target: Image, landmarks: Floats
) -> None:
    """What is drawn is darker than what is not."""
    without, picture = off(target, landmarks, by=10), off(target, landmarks, by=-levels)
    bits = windows_worth_drawing(nets, target, without=without, drawn=picture, landmarks=landmarks)
    assert bits == ((MOUTH_BIT | EYES_BIT) if drawn else 0)


def test_what_lies_elsewhere_does_not_count(target: Image, landmarks: Floats) -> None:
    drawn = target.copy()
    drawn[~within(landmarks, (MOUTH, *EYE))] = 0
    without = off(target, landmarks, by=5)
    assert (
        windows_worth_drawing(BRIGHT, target, without=without, drawn=drawn, landmarks=landmarks) == MOUTH_BIT | EYES_BIT
    )


@pytest.mark.parametrize("away", [-500.0, 900.0])
def test_a_face_beside_the_picture_is_no_crash(away: float, target: Image, landmarks: Floats) -> None:
    landmarks[:, :2] += away
    bits = windows_worth_drawing(BRIGHT, target, without=target, drawn=target, landmarks=landmarks)
    assert bits == MOUTH_BIT | EYES_BIT, "nothing is no worse than nothing"
