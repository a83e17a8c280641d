"""Stage 10, display (as judged): apertures, gaze and point errors of faces made of points."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.quality.expression import (
    LIDS,
    LIPS,
    eye_aperture,
    gaze,
    gaze_error,
    mouth_aperture,
    point_error,
)

Points = NDArray[np.float64]
IO = 30.0


@pytest.fixture
def points(template: Points) -> Points:
    """Two frames of one face."""
    return np.stack([template, template])


def test_lists_of_points_name_each_once() -> None:
    assert (len(set(LIPS)), len(set(LIDS))) == (40, 32)
    assert not set(LIPS) & set(LIDS)


def test_apertures_are_in_parts_of_the_interocular_distance(points: Points) -> None:
    points[1, 14, 1] += 6
    points[1, 145, 1] -= 3  # one eye shut
    np.testing.assert_allclose(mouth_aperture(points, np.full(2, IO)), [3 / IO, 9 / IO])
    np.testing.assert_allclose(eye_aperture(points, np.full(2, IO)), [3 / IO, 1.5 / IO])


def test_gaze_is_in_the_middle_of_the_eye_wherever_the_face_is(points: Points) -> None:
    np.testing.assert_allclose(gaze(points), 0.5, atol=1e-9)
    turn = 1.4 * np.array([[0.8, 0.6], [-0.6, 0.8]])
    np.testing.assert_allclose(gaze_error(points, points @ turn + 20), 0, atol=1e-9)


def test_gaze_error_is_in_percent_of_the_eyes_width(points: Points) -> None:
    moved = points.copy()
    moved[1, [468, 473], 0] += 2  # eyes are 10 wide
    np.testing.assert_allclose(gaze_error(points, moved), [0, 20])


def test_point_errors_are_of_the_points_named(points: Points) -> None:
    moved = points.copy()
    moved[0, list(LIPS)] += (3, 4)
    moved[1] += (3, 4)
    interocular = np.full(2, IO)
    np.testing.assert_allclose(point_error(points, moved, interocular, points=LIPS), 500 / IO)
    np.testing.assert_allclose(point_error(points, moved, interocular, points=LIDS), [0, 500 / IO])
    np.testing.assert_allclose(point_error(points, moved, interocular), [500 / IO * 40 / 478, 500 / IO])


def test_where_there_is_no_face_there_is_no_number(points: Points) -> None:
    points[1] = np.nan
    interocular = np.array([IO, np.nan])
    for track in (
        mouth_aperture(points, interocular),
        gaze_error(points, points),
        point_error(points, points, interocular),
    ):
        np.testing.assert_array_equal(np.isnan(track), [False, True])
