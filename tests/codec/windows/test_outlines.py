"""Outlines: lips, lids and iris are drawn where their landmarks are, and anything a peer sends is drawn somehow."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.face_windows import EYE, MOUTH, WINDOWS, Window, window_frame, window_points
from codec.motion.landmarks import INNER_LIPS, MIRROR, OUTER_LIPS
from codec.windows.outlines import outlines

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

windows = pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)


def local(landmarks: Floats, window: Window) -> Floats:
    """A window's shape in its pixels."""
    return window_points(landmarks[list(window.shape)], window_frame(landmarks, window))


def drawn_at(landmarks: Floats, window: Window) -> Image:
    return outlines(local(landmarks, window), window)


def centre(plane: Image) -> Floats:
    y, x = np.indices(plane.shape)
    weight = plane / plane.sum(dtype=np.float64)
    return np.array([(weight * x).sum(), (weight * y).sum()], np.float32)


def area(points: Floats) -> float:
    """Of a polygon (P, 2)."""
    x, y = points.T
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def fills(plane: Image, points: Floats) -> bool:
    """Whether the polygon is filled, its edge drawn on the pixels that it crosses."""
    edge = float(np.linalg.norm(points - np.roll(points, -1, 0), axis=1).sum())
    return area(points) * 0.95 <= int((plane > 127).sum()) <= area(points) + edge


@windows
def test_shapes_and_levels(window: Window, faces: Any) -> None:
    drawn = drawn_at(faces.landmarks(1), window)
    assert drawn.shape == (window.height, window.width, 2)
    assert drawn.dtype == np.uint8
    assert drawn.flags.c_contiguous
    assert drawn.min() == 0
    assert (drawn.max((0, 1)) == 255).all()


@pytest.mark.parametrize("seed", range(4))
def test_lips_are_filled_and_the_mouth_lies_within_them(seed: int, faces: Any) -> None:
    landmarks = faces.landmarks(seed, expression=0.01)
    outer, inner = drawn_at(landmarks, MOUTH).transpose(2, 0, 1)
    points = local(landmarks, MOUTH)
    for plane, part in ((outer, OUTER_LIPS), (inner, INNER_LIPS)):
        assert fills(plane, points[part])
    assert (outer[inner == 255] == 255).mean() > 0.9
    assert (outer > 127).sum() > (inner > 127).sum()


@pytest.mark.parametrize("window", EYE, ids=lambda window: window.name)
def test_the_iris_is_a_disc_about_its_point(window: Window, faces: Any) -> None:
    landmarks = faces.landmarks(2, expression=0.01)
    lids, iris = drawn_at(landmarks, window).transpose(2, 0, 1)
    points = local(landmarks, window)
    np.testing.assert_allclose(centre(iris), points[-1], atol=0.4)
    assert fills(lids, points[:-1])
    looking = landmarks.copy()
    looking[window.shape[-1], :2] += 4
    lids_after, iris_after = drawn_at(looking, window).transpose(2, 0, 1)
    np.testing.assert_array_equal(lids_after, lids)
    assert np.linalg.norm(centre(iris_after) - centre(iris)) > 1, "where one looks is seen"


def test_a_mouth_that_opens_is_seen(faces: Any) -> None:
    landmarks = faces.landmarks(3, expression=0.0)
    opened = landmarks.copy()
    middle = landmarks[INNER_LIPS, 1].mean()
    opened[INNER_LIPS, 1] += 2 * (landmarks[INNER_LIPS, 1] - middle)
    shut, wide = (drawn_at(points, MOUTH)[..., 1] for points in (landmarks, opened))
    assert (wide > 127).sum() > 2 * (shut > 127).sum()


def test_a_mirrored_face_has_mirrored_outlines(faces: Any) -> None:
    """A left eye is a right eye in the mirror, which is how the networks see it."""
    face = faces.mean() * np.float32(90) + np.float32(128)
    mirrored = face[MIRROR] * np.array([-1, 1, 1], np.float32) + np.array([256, 0, 0], np.float32)
    for window, twin in ((MOUTH, MOUTH), EYE, EYE[::-1]):
        seen, other = drawn_at(face, window), drawn_at(mirrored, twin)[:, ::-1]
        assert np.abs(seen.astype(int) - other).mean() < 6, window.name


@windows
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e30, -1e30])
def test_what_no_face_is_is_drawn_somehow(window: Window, value: float, faces: Any) -> None:
    points = local(faces.landmarks(4), window)
    for place in (0, len(points) - 1):
        points[place] = value
        assert outlines(points, window).shape == (window.height, window.width, 2)
