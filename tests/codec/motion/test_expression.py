"""Expression: poses and expressions come out of the landmarks that they were put into, for any face and size."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.config import CodecConfig
from codec.motion.expression import (
    COEFFICIENTS,
    FACE_NUMBERS,
    POSE,
    FaceShape,
    angles_of,
    rotation_matrix,
    similarity,
)
from codec.motion.landmarks import (
    APERTURES,
    LANDMARKS,
    LEFT_CORNER,
    LEFT_EYE_POINTS,
    MIRROR,
    RIGHT_CORNER,
    RIGHT_EYE_POINTS,
    RIGID,
)
from codec.weights.files import load

Floats = npt.NDArray[np.float32]

angle = st.floats(-1.4, 1.4)


@settings(deadline=None)
@given(angle, angle, st.floats(-3.1, 3.1))
def test_angles_are_found_again(yaw: float, pitch: float, roll: float) -> None:
    angles = np.array([yaw, pitch, roll], np.float32)
    rotation = rotation_matrix(angles)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(angles_of(rotation), angles, atol=2e-5)


@pytest.mark.parametrize(
    ("angles", "point", "moved"),
    [
        ((math.pi / 2, 0, 0), (1, 0, 0), (0, 0, -1)),  # yaw turns x into -z
        ((0, math.pi / 2, 0), (0, 1, 0), (0, 0, 1)),  # pitch turns y into z
        ((0, 0, math.pi / 2), (1, 0, 0), (0, 1, 0)),  # roll turns x into y
    ],
)
def test_axes_are_those_of_the_motion_numbers(angles: Any, point: Any, moved: Any) -> None:
    np.testing.assert_allclose(np.array(point) @ rotation_matrix(np.array(angles)), moved, atol=1e-6)


def test_gimbal_lock_still_gives_an_angle() -> None:
    rotation = rotation_matrix(np.array([0.3, math.pi / 2, 0.2]))
    assert np.isfinite(angles_of(rotation)).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(1, 500), st.floats(-300, 300))
def test_a_known_similarity_is_recovered(seed: int, scale: float, shift: float) -> None:
    random = np.random.default_rng(seed)
    source = random.normal(size=(len(RIGID), 3)).astype(np.float32)
    rotation = rotation_matrix(random.uniform(-1.4, 1.4, 3).astype(np.float32))
    offset = np.array([shift, -shift, shift / 2], np.float32)
    found_scale, found_rotation, found_offset = similarity(
        source, np.asarray(scale * source @ rotation + offset, np.float32)
    )
    assert found_scale == pytest.approx(scale, rel=1e-3)
    np.testing.assert_allclose(found_rotation, rotation, atol=1e-3)
    np.testing.assert_allclose(found_offset, offset, atol=0.01 + 1e-3 * scale)


def test_a_similarity_never_mirrors() -> None:
    source = np.random.default_rng(2).normal(size=(13, 3)).astype(np.float32)
    _, rotation, _ = similarity(source, source * np.array([-1, 1, 1], np.float32))
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_noise_moves_a_similarity_little() -> None:
    random = np.random.default_rng(3)
    rotation = rotation_matrix(np.array([0.4, -0.2, 0.1], np.float32))
    source = random.normal(size=(13, 3)).astype(np.float32)
    target = (90 * source @ rotation + random.normal(0, 0.5, (13, 3))).astype(np.float32)
    scale, found, _ = similarity(source, target)
    assert scale == pytest.approx(90, rel=0.02)
    assert np.abs(angles_of(found) - (0.4, -0.2, 0.1)).max() < 0.02


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("seed", range(6))
def test_numbers_are_found_in_their_landmarks(seed: int, side: int, faces: Any) -> None:
    person = faces.shape().person(faces.landmarks(0, side=side), side=side)
    numbers = faces.numbers(seed + 1)
    found = person.numbers(person.landmarks(numbers))
    np.testing.assert_allclose(found[:3], numbers[:3], atol=1e-4)
    np.testing.assert_allclose(found[3], numbers[3], atol=1e-4)
    np.testing.assert_allclose(found[4:POSE], numbers[4:POSE], atol=0.01)
    np.testing.assert_allclose(found[POSE:], numbers[POSE:], atol=1e-3)


def test_numbers_do_not_depend_on_the_size_of_the_picture(faces: Any) -> None:
    small, large = (faces.shape().person(faces.landmarks(0, side=side), side=side) for side in (256, 512))
    np.testing.assert_allclose(large.own, small.own, atol=1e-3)
    numbers = faces.numbers(4)
    np.testing.assert_allclose(large.landmarks(numbers), 2 * small.landmarks(numbers), atol=1e-2)


def test_a_reference_shows_its_own_numbers(faces: Any) -> None:
    landmarks = faces.landmarks(5)
    person = faces.shape().person(landmarks, side=256)
    np.testing.assert_allclose(person.landmarks(person.own)[:, :2], landmarks[:, :2], atol=0.01)
    np.testing.assert_allclose(person.numbers(landmarks), person.own, atol=2e-3)
    assert not person.own[POSE:].any(), "its expression is where expressions are counted from"


def test_a_face_of_other_proportions_keeps_them(faces: Any) -> None:
    """What no expression says, such as a long nose, is canonical and shown in every pose."""
    landmarks = faces.landmarks(1)
    long = landmarks.copy()
    long[np.setdiff1d(np.arange(LANDMARKS), RIGID), 1] += 3
    plain, other = (faces.shape().person(points, side=256) for points in (landmarks, long))
    moved = plain.own.copy()
    moved[4] += 10
    np.testing.assert_allclose(
        other.landmarks(moved)[:, :2] - plain.landmarks(moved)[:, :2], (long - landmarks)[:, :2], atol=0.05
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from((1.0, 8.0)))
def test_absurd_numbers_give_finite_landmarks(faces: Any, seed: int, spread: float) -> None:
    person = faces.shape().person(faces.landmarks(0), side=256)
    numbers = np.random.default_rng(seed).uniform(-spread, spread, FACE_NUMBERS).astype(np.float32)
    landmarks = person.landmarks(numbers)
    assert landmarks.shape == (LANDMARKS, 3)
    assert landmarks.dtype == np.float32
    assert np.isfinite(landmarks).all()
    assert np.isfinite(person.numbers(landmarks)).all()


def shipped() -> FaceShape:
    tensors = load(CodecConfig().weights).tensors
    return FaceShape(*(np.asarray(tensors[f"shape.{part}"], np.float32) for part in ("mean", "basis", "weight")))


def test_the_shipped_shape_is_a_face() -> None:
    shape = shipped()
    flat = shape.basis.reshape(COEFFICIENTS, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(COEFFICIENTS), atol=5e-3)
    assert np.linalg.norm(shape.mean[LEFT_CORNER] - shape.mean[RIGHT_CORNER]) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(shape.mean[MIRROR] * (-1, 1, 1), shape.mean, atol=0.1)
    assert (shape.weight > 0).all()


def test_numbers_of_the_shipped_basis_are_nearly_found_again(faces: Any) -> None:
    """Nearly: its expressions move the skull's points a little too."""
    shape = shipped()
    person = shape.person(shape.mean * 90 + np.float32(128), side=256)
    numbers = faces.numbers(7, expression=0.05)
    found = person.numbers(person.landmarks(numbers))
    np.testing.assert_allclose(found[:POSE], numbers[:POSE], atol=0.5)
    seen, wanted = person.landmarks(found), person.landmarks(numbers)
    assert np.abs(seen - wanted)[:, :2].mean() < 0.5


def test_the_mesh_mirrors_onto_itself() -> None:
    assert (MIRROR[MIRROR] == np.arange(LANDMARKS)).all()
    assert MIRROR[RIGHT_CORNER] == LEFT_CORNER
    assert [int(MIRROR[point]) for point in RIGHT_EYE_POINTS] == list(LEFT_EYE_POINTS)
    assert set(MIRROR[RIGID]) == set(RIGID)
    pairs = {frozenset(pair) for pair in zip(*APERTURES, strict=True)}
    mirrored = {frozenset(int(MIRROR[point]) for point in pair) for pair in pairs}
    assert len(pairs) == len(APERTURES[0])
    assert pairs == mirrored, "what opens on the right is looked at on the left"
