"""First picture: open eyes, sharp, frontal; a clearly better one is named once, when the first second is over."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from codec.decisions.first_picture import FirstPicture, best_of, worth_animating
from codec.decisions.observation import Observation
from codec.motion.landmarks import LEFT_EYE, RIGHT_EYE
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

SECOND = 90_000
FRAME = 3600


def seen(landmarks: Floats) -> Observation:
    keypoints = np.zeros((KEYPOINTS, 3), np.float32), np.zeros(MOTION_NUMBERS, np.float32)
    return Observation(lambda: keypoints, landmarks, 256)


def blinking(landmarks: Floats) -> Floats:
    shut = landmarks.copy()
    for eye in (RIGHT_EYE, LEFT_EYE):
        shut[eye, 1] = shut[eye, 1].mean()
    return shut


@pytest.fixture
def frontal(faces: Any) -> Any:
    """Landmarks of a face that looks at the camera with open eyes."""
    return faces.mean() * np.float32(90) + np.array([128, 120, 0], np.float32)


@pytest.fixture
def sharp() -> Image:
    return np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)


def turned(frontal: Floats, faces: Any, yaw: float) -> Floats:
    person = faces.shape().person(frontal, side=256)
    numbers = person.own.copy()
    numbers[0] += yaw
    return np.asarray(person.landmarks(numbers))


def test_open_eyes_are_worth_more(frontal: Floats, sharp: Image, faces: Any) -> None:
    shape = faces.shape()
    good = worth_animating(sharp, seen(frontal), shape)
    assert good > worth_animating(sharp, seen(blinking(frontal)), shape) + 0.5
    wink = frontal.copy()
    wink[RIGHT_EYE, 1] = wink[RIGHT_EYE, 1].mean()
    assert good > worth_animating(sharp, seen(wink), shape) + 0.5, "one shut eye is as bad"


def test_a_frontal_and_a_sharp_picture_are_worth_more(frontal: Floats, sharp: Image, faces: Any) -> None:
    shape = faces.shape()
    good = worth_animating(sharp, seen(frontal), shape)
    by_yaw = [worth_animating(sharp, seen(turned(frontal, faces, yaw)), shape) for yaw in (0.0, 0.4, 0.8)]
    assert by_yaw == sorted(by_yaw, reverse=True)
    assert by_yaw[0] > by_yaw[-1] + 0.3
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 4), np.uint8)
    assert good > worth_animating(soft, seen(frontal), shape) + 0.1


@pytest.mark.parametrize("away", [-2000.0, 2000.0])
def test_a_face_beside_the_picture_is_scored_all_the_same(
    away: float, frontal: Floats, sharp: Image, faces: Any
) -> None:
    assert np.isfinite(worth_animating(sharp, seen(frontal + np.float32(away)), faces.shape()))


def test_the_first_that_is_nearly_as_good_as_any_is_taken(frontal: Floats, sharp: Image, faces: Any) -> None:
    shape = faces.shape()
    shut, open_, again = ((sharp, seen(points)) for points in (blinking(frontal), frontal, frontal))
    assert best_of([shut, open_, again], shape) is open_
    assert best_of([open_, shut], shape) is open_
    assert best_of([shut], shape) is shut


def test_a_better_one_is_named_once_and_when_the_second_is_over(frontal: Floats, sharp: Image, faces: Any) -> None:
    watch = FirstPicture(faces.shape())
    assert watch.better(sharp, seen(frontal), pts=0) is None, "nothing has been sent"
    watch.sent(sharp, seen(blinking(frontal)), pts=1000)
    named = []
    for number in range(1, 60):
        look = frontal if number == 9 else blinking(frontal)
        named.append(watch.better(sharp, seen(look), pts=1000 + number * FRAME))
    found = [(number + 1, one) for number, one in enumerate(named) if one is not None]
    assert [number for number, _ in found] == [SECOND // FRAME]
    picture, what = found[0][1]
    np.testing.assert_array_equal(picture, sharp)
    np.testing.assert_array_equal(what.landmarks, frontal)


def test_a_good_first_picture_stays(frontal: Floats, sharp: Image, faces: Any) -> None:
    """Nearly as good is no reason."""
    watch = FirstPicture(faces.shape())
    watch.sent(sharp, seen(turned(frontal, faces, 0.1)), pts=0)
    assert not any(watch.better(sharp, seen(frontal), pts=number * FRAME) for number in range(1, 60))


def test_a_later_keyframe_begins_nothing_anew(frontal: Floats, sharp: Image, faces: Any) -> None:
    watch = FirstPicture(faces.shape())
    watch.sent(sharp, seen(frontal), pts=0)
    watch.better(sharp, seen(frontal), pts=2 * SECOND)
    watch.sent(sharp, seen(blinking(frontal)), pts=3 * SECOND)
    assert not any(watch.better(sharp, seen(frontal), pts=(3 + number) * SECOND) for number in range(1, 4))
