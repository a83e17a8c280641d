"""Stage 10, display (as judged): the geometry of the face mesh."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.quality.face_mesh import (
    SQUARE_PER_FACE,
    Mesh,
    Square,
    five_points,
    square_about_points,
)

SIDE = 256
FACE = 20  # half the width of the white square
INTEROCULAR = 1.5 * FACE


def test_a_square_maps_its_corners_and_its_centre() -> None:
    square = Square(100.0, 80.0, 64.0, angle=np.pi / 2)
    to_picture = square.to_picture
    corners = np.array([[128, 128, 1], [0, 0, 1], [256, 0, 1]]) @ to_picture.T
    np.testing.assert_allclose(corners, [[100, 80], [132, 48], [132, 112]], atol=1e-9)


def test_an_upright_square_is_cut_as_it_is() -> None:
    picture = np.random.default_rng(8).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    np.testing.assert_array_equal(Square(128.0, 128.0, 256.0).cut(picture), picture)


@pytest.mark.parametrize("degrees", [0, 25, -40])
def test_the_square_about_points_levels_the_eyes(template: NDArray[np.float64], degrees: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = square_about_points(template @ turn.T + (90, 110))
    assert (square.x, square.y) == (pytest.approx(90), pytest.approx(110))
    assert square.side == pytest.approx(SQUARE_PER_FACE * 2 * FACE)
    assert square.angle == pytest.approx(angle)


def test_five_points_are_eye_centres_nose_and_mouth_corners(template: NDArray[np.float64]) -> None:
    mesh = Mesh(Square(0, 0, 1), template, 9.0)
    middle = (-INTEROCULAR / 2 - 5) / 2
    np.testing.assert_allclose(five_points(mesh), [(middle, -5), (-middle, -5), (0, 3), (-6, 12), (6, 12)])
    assert mesh.interocular == INTEROCULAR
