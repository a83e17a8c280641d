"""Where a clip is cropped: to the face that it begins with, or to the middle until one comes."""

from typing import Any

import numpy as np
import pytest

from codec.pictures.clip_crop import LOOK_EVERY_S, ClipCrop
from codec.pictures.crop import centre_crop
from codec.pictures.face import FaceBox, crop_for_face

SHAPE = (120, 200)
EMPTY = np.zeros((*SHAPE, 3), np.uint8)
STEP = round(LOOK_EVERY_S * 90_000)
HERE = FaceBox(130.0, 40.0, 30.0, 30.0, 5.0)


class Finder:
    """Sees what it is told, look by look."""

    def __init__(self, seen: list[FaceBox | None]) -> None:
        self.seen = seen
        self.near: list[FaceBox | None] = []

    def detect(self, image_rgb: np.ndarray, *, near: FaceBox | None = None) -> FaceBox | None:
        self.near.append(near)
        return self.seen.pop(0) if self.seen else None


def crops(seen: list[FaceBox | None], *, looks: int, per_look: int = 1) -> tuple[ClipCrop, list[Any]]:
    finder: Any = Finder(seen)
    crop = ClipCrop(*SHAPE, detector=finder)
    return crop, [crop.at(EMPTY, pts=index * STEP // per_look) for index in range(looks * per_look)]


def test_the_middle_until_a_face_is_seen_twice_running() -> None:
    crop, got = crops([None, HERE, None, HERE, HERE], looks=8)
    assert [place for place, _ in got[:4]] == [centre_crop(*SHAPE)] * 4
    assert [moved for _, moved in got] == [False] * 4 + [True] + [False] * 3
    assert {place for place, _ in got[4:]} == {crop_for_face(HERE, *SHAPE)}
    assert crop.found_pts == 4 * STEP


def test_pictures_between_looks_cost_none() -> None:
    crop, got = crops([None, HERE, HERE], looks=4, per_look=5)
    assert [moved for _, moved in got].index(True) == 10
    assert crop.found_pts == 2 * STEP


def test_a_second_look_is_for_the_same_face() -> None:
    finder: Any = Finder([HERE, HERE])
    crop = ClipCrop(*SHAPE, detector=finder)
    for index in range(3):
        crop.at(EMPTY, pts=index * STEP)
    assert finder.near == [None, HERE]  # and none once it is found


@pytest.mark.parametrize("seen", [[HERE] * 4, [None, None, None, HERE]])
def test_a_clip_that_begins_with_a_face_is_cropped_to_it_and_not_looked_at_again(seen: list[FaceBox | None]) -> None:
    finder: Any = Finder(list(seen))
    crop = ClipCrop(*SHAPE, detector=finder)
    crop.begin_with([EMPTY] * 4)
    assert crop.found_pts == 0
    assert crop.at(EMPTY, pts=0) == (crop_for_face(HERE, *SHAPE), False)
    assert len(finder.near) == 4


def test_a_clip_that_begins_without_one_is_the_middle() -> None:
    finder: Any = Finder([None] * 3 + [HERE] + [None] * 8)  # one in twelve is no face
    crop = ClipCrop(*SHAPE, detector=finder)
    crop.begin_with([EMPTY] * 12)
    assert crop.found_pts is None
    assert crop.at(EMPTY, pts=0) == (centre_crop(*SHAPE), False)


def test_without_a_detector_it_is_the_middle() -> None:
    crop = ClipCrop(*SHAPE)
    assert crop.at(EMPTY, pts=0) == (centre_crop(*SHAPE), False)
    assert crop.found_pts is None
