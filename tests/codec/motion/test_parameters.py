"""Motion: rotations, x = s (x̄ R + δ) + t, the head's affine part, and angles back from matrices."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from codec.motion.parameters import EXPRESSIONS, FREE_POINTS, KEYPOINTS, MESH_POINTS, MOTION_NUMBERS, POSE_NUMBERS
from codec.networks.pose import head_affine, keypoints, rotation_matrix
from codec.training.data.labels import angles_of

QUARTER = math.pi / 2

angle = st.floats(-1.4, 1.4)


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def motions(count: int, random: torch.Generator) -> Tensor:
    return torch.randn(count, MOTION_NUMBERS, generator=random) * 0.4


def test_rotations_are_orthonormal(random: torch.Generator) -> None:
    rotation = rotation_matrix(torch.randn(64, 3, generator=random) * 3)
    torch.testing.assert_close(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(64, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(64), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("angles", "point", "moved"),
    [
        ((QUARTER, 0, 0), (1, 0, 0), (0, 0, -1)),  # yaw turns x into -z
        ((0, QUARTER, 0), (0, 1, 0), (0, 0, 1)),  # pitch turns y into z
        ((0, 0, QUARTER), (1, 0, 0), (0, 1, 0)),  # roll turns x into y
        ((0, 0, 0), (0.3, 0.2, 0.1), (0.3, 0.2, 0.1)),
    ],
)
def test_axes(angles: tuple[float, ...], point: tuple[float, ...], moved: tuple[float, ...]) -> None:
    rotation = rotation_matrix(torch.tensor([angles], dtype=torch.float32))[0]
    torch.testing.assert_close(torch.tensor(point, dtype=torch.float32) @ rotation, torch.tensor(moved) * 1.0)


def test_keypoints_by_hand() -> None:
    """s = 2, roll of a quarter turn, t = (0.1, -0.2), one expression that moves the first point along x."""
    canonical, basis = torch.zeros(1, KEYPOINTS, 3), torch.zeros(EXPRESSIONS, KEYPOINTS, 3)
    canonical[0, 0] = torch.tensor((0.5, 0.0, 0.25))
    basis[3, 0] = torch.tensor((1.0, 0.0, 0.0))
    motion = torch.zeros(1, MOTION_NUMBERS)
    motion[0, :POSE_NUMBERS] = torch.tensor((0, 0, QUARTER, math.log(2), 0.1, -0.2))
    motion[0, POSE_NUMBERS + 3] = 0.3
    points = keypoints(motion, canonical=canonical, basis=basis)
    # (0.5 + 0.3, 0, 0.25) turned into (0, 0.8, 0.25), doubled, moved
    torch.testing.assert_close(points[0, 0], torch.tensor((0.1, 1.6 - 0.2, 0.5)))
    torch.testing.assert_close(points[0, 1], torch.tensor((0.1, -0.2, 0.0)))


def test_keypoints_follow_the_formula(random: torch.Generator) -> None:
    motion = motions(4, random)
    canonical, basis = (torch.randn(n, KEYPOINTS, 3, generator=random) for n in (4, EXPRESSIONS))
    points = keypoints(motion, canonical=canonical, basis=basis)
    for b in range(4):
        rotation = rotation_matrix(motion[b : b + 1, :3])[0]
        delta = sum(motion[b, POSE_NUMBERS + j] * basis[j] for j in range(EXPRESSIONS)) @ rotation
        shift = torch.cat((motion[b, 4:6], torch.zeros(1)))
        expected = motion[b, 3].exp() * (canonical[b] @ rotation + delta) + shift
        torch.testing.assert_close(points[b], expected, atol=1e-4, rtol=1e-4)


def test_equal_motions_give_the_identity(random: torch.Generator) -> None:
    motion = motions(8, random)
    torch.testing.assert_close(head_affine(motion, motion), torch.eye(2).expand(8, 2, 2), atol=1e-6, rtol=0)


def test_the_affine_part_carries_driving_points_to_the_reference(random: torch.Generator) -> None:
    """For a head that only rolls, scales and shifts, x_ref = x_drv A + constant."""
    reference, driving = torch.zeros(2, 1, MOTION_NUMBERS)
    reference[0, 2:6] = torch.tensor((0.2, 0.1, 0.3, -0.1))
    driving[0, 2:6] = torch.tensor((-0.3, 0.4, 0.0, 0.2))
    canonical, basis = torch.randn(1, KEYPOINTS, 3, generator=random), torch.zeros(EXPRESSIONS, KEYPOINTS, 3)
    before, after = (keypoints(m, canonical=canonical, basis=basis)[0, :, :2] for m in (reference, driving))
    rest = before - after @ head_affine(reference, driving)[0]
    torch.testing.assert_close(rest, rest[:1].expand_as(rest), atol=1e-5, rtol=0)


@settings(deadline=None)
@given(angle, angle, st.floats(-3.1, 3.1))
def test_angles_are_found_again(yaw: float, pitch: float, roll: float) -> None:
    angles = np.array([[yaw, pitch, roll]], np.float32)
    rotation = rotation_matrix(torch.from_numpy(angles)).numpy()
    np.testing.assert_allclose(angles_of(rotation), angles, atol=2e-5)


def test_the_layout_of_the_vector() -> None:
    assert MOTION_NUMBERS == POSE_NUMBERS + EXPRESSIONS
    assert len(MESH_POINTS) + FREE_POINTS == KEYPOINTS
    assert len(set(MESH_POINTS)) == len(MESH_POINTS)
