"""Stage 10, display (offline): where the eyes and the mouth are found."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.quality.eyes_and_mouth import eyes_and_mouth_by_box, eyes_and_mouth_by_mesh, places_over_time
from benchmarks.quality.face_mesh import (
    Mesh,
    Square,
)

SIDE = 256


def test_places_lie_about_the_eyes_and_the_mouth(template: NDArray[np.float64]) -> None:
    found = eyes_and_mouth_by_mesh(Mesh(Square(0, 0, 1), template + 128, 9.0), SIDE)
    assert found.eyes.x + found.eyes.width / 2 == pytest.approx(128 / SIDE)
    assert found.eyes.y + found.eyes.width / 4 == pytest.approx(123 / SIDE)
    assert found.mouth.y + found.mouth.width / 4 == pytest.approx(140 / SIDE)
    blank = eyes_and_mouth_by_box(np.full((SIDE, SIDE, 3), 90, np.uint8))
    assert blank.eyes.y < blank.mouth.y
    assert blank.eyes.cut(np.zeros((SIDE, SIDE, 3), np.uint8), width=64).shape == (32, 64, 3)


def test_places_follow_a_face_and_keep_their_size(template: NDArray[np.float64]) -> None:
    points = np.stack([template + 100 + 2 * index for index in range(20)])
    points[8:11] = np.nan
    places = places_over_time(points, np.zeros((20, SIDE, SIDE, 3), np.uint8))
    middles = [SIDE * (place.eyes.x + place.eyes.width / 2) for place in places]
    np.testing.assert_allclose(middles[4:-4], 100 + 2 * np.arange(4, 16))
    assert len({place.mouth.width for place in places}) == 1


def test_places_of_a_clip_without_a_face_stand_still() -> None:
    places = places_over_time(np.full((3, 478, 2), np.nan), np.full((3, SIDE, SIDE, 3), 90, np.uint8))
    assert places == [eyes_and_mouth_by_box(np.full((SIDE, SIDE, 3), 90, np.uint8))] * 3
