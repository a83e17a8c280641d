"""Face box: in 24 bits, near enough to where the face is, and no face or bytes give one that there is not."""

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.motion.face_box import FaceBox
from codec.motion.tracking import CROP_SIZE, face_frame

boxes = st.tuples(*(st.integers(0, size - 1) for size in FaceBox.SIZES)).map(lambda fields: FaceBox(*fields))


def in_range(box: FaceBox) -> bool:
    return all(0 <= value < size for value, size in zip(astuple(box), FaceBox.SIZES, strict=True))


def test_a_box_is_24_bits() -> None:
    assert np.prod(FaceBox.SIZES) == 2**24


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("seed", range(8))
def test_a_box_is_near_the_face(seed: int, side: int, faces: Any) -> None:
    landmarks = faces.landmarks(seed, side=side)
    box = FaceBox.of(landmarks, side=side)
    exact, told = face_frame(landmarks), box.frame(side=side)
    middle = np.full(2, (CROP_SIZE - 1) / 2)
    away = (exact[:, :2] - told[:, :2]) @ middle + exact[:, 2] - told[:, 2]
    assert np.abs(away).max() <= 1.01 * side / 256, "half a cell of two pixels of 256"
    sizes = [np.hypot(*frame[:, 0]) for frame in (exact, told)]
    assert abs(np.log2(sizes[0] / sizes[1])) <= 1 / 16 + 1e-6
    turns = [np.arctan2(frame[1, 0], frame[0, 0]) for frame in (exact, told)]
    assert abs(turns[0] - turns[1]) <= np.pi / 32 + 1e-6


def test_a_box_does_not_depend_on_the_size_of_the_picture(faces: Any) -> None:
    small, large = (FaceBox.of(faces.landmarks(3, side=side), side=side) for side in (256, 512))
    assert small == large
    np.testing.assert_allclose(2 * small.frame(side=256), small.frame(side=512), rtol=1e-5)


@settings(deadline=None)
@given(boxes)
def test_every_box_has_a_frame(box: FaceBox) -> None:
    frame = box.frame(side=256)
    assert np.isfinite(frame).all()
    assert 20 / CROP_SIZE < np.hypot(*frame[:, 0]) < 400 / CROP_SIZE
    assert np.linalg.det(frame[:, :2]) > 0
    middle = frame[:, :2] @ np.full(2, (CROP_SIZE - 1) / 2) + frame[:, 2]
    np.testing.assert_allclose(middle, (2 * box.x, 2 * box.y), atol=1e-2)


@settings(deadline=None, max_examples=60)
@given(
    st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(1e-3, 100), st.floats(-3.2, 3.2), st.sampled_from((256, 512))
)
def test_extreme_faces_are_clipped(faces: Any, x: float, y: float, zoom: float, angle: float, side: int) -> None:
    landmarks = faces.mean() * np.float32(zoom * 90)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    landmarks[:, :2] = landmarks[:, :2] @ turn + np.array([x, y], np.float32)
    assert in_range(FaceBox.of(landmarks, side=side))


@pytest.mark.parametrize(("x", "y"), [(-400.0, -400.0), (900.0, 900.0)])
def test_a_face_beside_the_picture_is_looked_for_at_its_edge(x: float, y: float, faces: Any) -> None:
    landmarks = faces.landmarks(1)
    landmarks[:, :2] += np.array([x, y], np.float32)
    edge = 0 if x < 0 else 127
    box = FaceBox.of(landmarks, side=256)
    assert (box.x, box.y) == (edge, edge)


@pytest.mark.parametrize("turn", range(32))
def test_turns_go_round(turn: int, faces: Any) -> None:
    """Upside down is no edge."""
    angle = 2 * np.pi * turn / 32
    landmarks = faces.mean() * np.float32(90)
    spin = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    landmarks[:, :2] = landmarks[:, :2] @ spin + np.float32(128)
    assert FaceBox.of(landmarks, side=256).turn == turn
