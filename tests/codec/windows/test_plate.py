"""Plate: the spline takes each landmark of the target to its own in the reference, and what lies between goes along."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.expression import FACE_NUMBERS, POSE
from codec.motion.face_windows import WINDOWS, Window, window_frame, window_points
from codec.windows.plate import plate_maps

Floats = npt.NDArray[np.float32]

windows = pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)


def at(plate: Floats, points: Floats) -> Floats:
    """What a map (H, W, 2) says at points (P, 2), between its pixels too."""
    x, y = np.clip(points[:, 0], 0, plate.shape[1] - 1.001), np.clip(points[:, 1], 0, plate.shape[0] - 1.001)
    left, top = x.astype(int), y.astype(int)
    dx, dy = (x - left)[:, None], (y - top)[:, None]
    upper = plate[top, left] * (1 - dx) + plate[top, left + 1] * dx
    lower = plate[top + 1, left] * (1 - dx) + plate[top + 1, left + 1] * dx
    return np.asarray(upper * (1 - dy) + lower * dy)


@windows
def test_the_same_face_comes_from_where_it_is(window: Window, faces: Any) -> None:
    landmarks = faces.landmarks(1)
    frame = window_frame(landmarks, window)
    plate = plate_maps(landmarks, [landmarks], window, frame)
    assert plate.shape == (window.height, window.width, 2)
    assert plate.dtype == np.float32
    y, x = np.indices((window.height, window.width))
    expected = np.stack((x, y), -1).reshape(-1, 2) @ frame[:, :2].T + frame[:, 2]
    np.testing.assert_allclose(plate.reshape(-1, 2), expected, atol=0.05)


@windows
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_each_landmark_is_taken_near_its_own(window: Window, seed: int, faces: Any) -> None:
    """Near, for the spline is smoothed and told at every eighth pixel; far nearer than by a face that only moves."""
    target, reference = faces.landmarks(1, expression=0.0), faces.landmarks(seed, expression=0.0)
    waves = np.random.default_rng(seed).uniform(0, 2 * np.pi, 2)
    reference[:, :2] += 4 * np.sin(target[:, 1::-1] / 14 + waves)
    frame = window_frame(target, window)
    plate = plate_maps(target, [reference], window, frame)
    inside = list(window.shape)
    local = window_points(target[inside], frame)
    away = np.linalg.norm(at(plate, local) - reference[inside, :2], axis=1)
    other = window_frame(reference, window)
    unbent = np.linalg.norm(local @ other[:, :2].T + other[:, 2] - reference[inside, :2], axis=1)
    assert away.max() < 1.2, "pixels of 256"
    assert away.mean() < 0.6 * unbent.mean()


@windows
def test_a_face_that_has_only_moved_is_bent_by_nothing(window: Window, faces: Any) -> None:
    """Turned, grown and shifted: the map of a spline without bending is that very motion."""
    target = faces.landmarks(1)
    turn = 1.3 * np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
    reference = target.copy()
    reference[:, :2] = target[:, :2] @ turn + (20, -30)
    frame = window_frame(target, window)
    plate = plate_maps(target, [reference], window, frame)
    y, x = np.indices((window.height, window.width))
    there = np.stack((x, y), -1).reshape(-1, 2) @ frame[:, :2].T + frame[:, 2]
    np.testing.assert_allclose(plate.reshape(-1, 2), there @ turn + (20, -30), atol=0.1)


@windows
def test_references_are_solved_for_together_as_alone(window: Window, faces: Any) -> None:
    target, references = faces.landmarks(1), [faces.landmarks(seed) for seed in (2, 3, 4)]
    frame = window_frame(target, window)
    together = plate_maps(target, references, window, frame)
    alone = [plate_maps(target, [reference], window, frame) for reference in references]
    np.testing.assert_allclose(together, np.concatenate(alone, -1), atol=1e-3)


@windows
def test_lids_and_lips_that_meet_do_not_tear(window: Window, faces: Any) -> None:
    """All landmarks of a window on one line: the map stays finite and near the reference."""
    target, reference = faces.landmarks(1, expression=0.0), faces.landmarks(2, expression=0.0)
    shut = list(window.shape)
    target[shut, 1] = target[shut, 1].mean()
    plate = plate_maps(target, [reference], window, window_frame(target, window))
    assert np.isfinite(plate).all()
    assert np.abs(plate - reference[shut, :2].mean(0)).max() < 250


@windows
@pytest.mark.parametrize("seed", range(12))
def test_absurd_targets_give_finite_maps(window: Window, seed: int, faces: Any) -> None:
    person = faces.reference(1).person
    numbers = np.random.default_rng(seed).uniform(-8, 8, FACE_NUMBERS).astype(np.float32)
    numbers[4:POSE] *= 128
    target = person.landmarks(numbers)
    plate = plate_maps(target, [faces.landmarks(2)], window, window_frame(target, window))
    assert np.isfinite(plate).all()
