"""Landmark flow: it takes landmarks to where they are in the reference, and lets what is far from the face alone."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.landmark_flow import follow_landmarks
from codec.motion.landmarks import OUTER_LIPS
from codec.motion.parameters import FLOW_SIZE

Floats = npt.NDArray[np.float32]

STILL = np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32)


def at(flow: Floats, landmarks: Floats, *, side: int = 256) -> Floats:
    """A flow at landmarks, in pixels of a picture of that side."""
    places = landmarks[:, :2] * (FLOW_SIZE / side) - 0.5
    sampled = cv2.remap(flow, places[None].astype(np.float32), np.empty(0), cv2.INTER_LINEAR)
    return np.asarray(sampled[0] * (side / 2), np.float32)


def test_a_face_that_stays_is_not_moved(faces: Any) -> None:
    landmarks = faces.landmarks(1)
    flow = follow_landmarks(STILL, target=landmarks, reference=landmarks, side=256)
    assert flow.shape == STILL.shape
    assert flow.dtype == np.float32
    np.testing.assert_allclose(flow, 0, atol=1e-6)


@pytest.mark.parametrize("side", [256, 512])
def test_a_face_that_moves_takes_the_flow_along(side: int, faces: Any) -> None:
    """Where it was comes from where it is: the flow points from the target to the reference."""
    target = faces.landmarks(2, side=side)
    reference = target.copy()
    reference[:, :2] += np.array([6, -4], np.float32) * side / 256
    flow = follow_landmarks(STILL, target=target, reference=reference, side=side)
    found = at(flow, target, side=side)
    np.testing.assert_allclose(found[OUTER_LIPS].mean(0), (6 * side / 256, -4 * side / 256), rtol=0.15)
    middle = np.median(found, 0) * 256 / side
    np.testing.assert_allclose(middle, (6, -4), rtol=0.25)
    assert np.abs(flow[:4]).max() < 0.2 * np.abs(flow).max(), "the edge of the picture stays"
    assert np.abs(flow[:, :4]).max() < 0.2 * np.abs(flow).max()


def test_a_flow_that_is_right_is_left_alone(faces: Any) -> None:
    target = faces.landmarks(3)
    reference = target.copy()
    reference[:, :2] += np.array([5, 3], np.float32)
    right = STILL + np.array([5 / 128, 3 / 128], np.float32)
    np.testing.assert_allclose(follow_landmarks(right, target=target, reference=reference, side=256), right, atol=1e-5)


def test_it_comes_nearer_to_any_landmarks(faces: Any) -> None:
    target, reference = faces.landmarks(4, expression=0.02), faces.landmarks(5, expression=0.02)
    flow = follow_landmarks(STILL, target=target, reference=reference, side=256)
    wanted = (reference - target)[:, :2]
    assert np.abs(at(flow, target) - wanted).mean() < 0.5 * np.abs(wanted).mean()


@pytest.mark.parametrize("shift", [(-4000.0, 0.0), (300.0, 300.0), (0.0, 1e6)])
def test_landmarks_beside_the_picture_do_no_harm(shift: tuple[float, float], faces: Any) -> None:
    target, reference = faces.landmarks(6), faces.landmarks(7)
    target[:, :2] += np.array(shift, np.float32)
    flow = follow_landmarks(STILL, target=target, reference=reference, side=256)
    assert np.isfinite(flow).all()
    assert np.abs(flow[FLOW_SIZE // 2, FLOW_SIZE // 2]).max() < 0.05
