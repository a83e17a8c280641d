"""Face tracker: it follows what it has, and begins again where the keypoints say that this is no longer the face."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.face_box import FaceBox
from codec.motion.face_tracker import FaceTracker, landmarks_in
from codec.motion.landmarks import EYES, LANDMARKS, LIPS
from codec.motion.parameters import KEYPOINTS
from codec.motion.tracking import CROP_SIZE

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]


def keypoints(landmarks: Floats) -> Floats:
    """Keypoints about the same face in [-1, 1]; those of neck and shoulders far from it."""
    middle = (landmarks[EYES, :2].mean(0) + landmarks[LIPS, :2].mean(0)) / 2
    spread = 0.45 * (landmarks[:, :2].max(0) - landmarks[:, :2].min(0))
    turn = 2 * np.pi * np.arange(KEYPOINTS) / 16
    ring = np.stack((np.cos(turn), np.sin(turn)), 1)
    points = np.zeros((KEYPOINTS, 3), np.float32)
    points[:, :2] = (middle + ring * spread) / 128 - 1
    points[24:, :2] = 3.0
    return points


class Steady:
    """Networks that see a face in the middle of whatever they are shown, as large as a crop about it would have it."""

    def __init__(self, mean: Floats, *, fills: float = 0.677) -> None:
        self._mean = mean * np.float32(fills)
        self.crops: list[Picture] = []

    def landmarks(self, crop: Picture) -> Floats:
        self.crops.append(crop[0])
        return self._mean

    def mouth_points(self, crop: Picture) -> Floats:
        return np.zeros((40, 2), np.float32)

    def eye_points(self, crop: Picture) -> Floats:
        return np.zeros((17, 2), np.float32)


@pytest.fixture
def nets(faces: Any) -> Steady:
    return Steady(faces.mean() - np.array([0, 0.15, 0], np.float32))


def picture() -> Picture:
    """Red is x, green is y."""
    y, x = np.indices((256, 256))
    return np.stack((x, y, np.zeros_like(x)), -1).astype(np.uint8)


def middle_of(crop: Picture) -> Floats:
    half = CROP_SIZE // 2
    return np.asarray(crop[half - 1 : half + 1, half - 1 : half + 1, :2].reshape(-1, 2).mean(0), np.float32)


def face_at(faces: Any, x: float, y: float, io: float = 60) -> Floats:
    return np.asarray(faces.mean() * np.float32(io) + np.array([x, y, 0], np.float32), np.float32)


def test_it_begins_where_the_keypoints_are(nets: Steady, faces: Any) -> None:
    face = face_at(faces, 100, 140)
    landmarks = FaceTracker(nets).follow(picture(), keypoints=keypoints(face))
    assert landmarks.shape == (LANDMARKS, 3)
    assert len(nets.crops) == 2, "a first look, and one from where that has put it"
    seen = (keypoints(face)[:24, :2] + 1) * 128
    np.testing.assert_allclose(middle_of(nets.crops[0]), (seen.min(0) + seen.max(0)) / 2, atol=1)


def test_it_looks_once_where_the_face_was(nets: Steady, faces: Any) -> None:
    tracker, face = FaceTracker(nets), face_at(faces, 120, 120)
    first = tracker.follow(picture(), keypoints=keypoints(face))
    nets.crops.clear()
    moved = keypoints(face)
    moved[:, 0] += 4 / 128
    second = tracker.follow(picture(), keypoints=moved)
    assert len(nets.crops) == 1
    np.testing.assert_allclose(middle_of(nets.crops[0]), (first[:, :2].min(0) + first[:, :2].max(0)) / 2, atol=1)
    assert second.shape == first.shape


@pytest.mark.parametrize(("x", "y", "io"), [(190, 190, 60), (60, 120, 60), (120, 120, 20), (120, 120, 160)])
def test_it_begins_again_when_it_has_lost_the_face(x: float, y: float, io: float, nets: Steady, faces: Any) -> None:
    tracker = FaceTracker(nets)
    tracker.follow(picture(), keypoints=keypoints(face_at(faces, 120, 120)))
    nets.crops.clear()
    other = keypoints(face_at(faces, x, y, io))
    tracker.follow(picture(), keypoints=other)
    assert len(nets.crops) == 2
    seen = (other[:24, :2] + 1) * 128
    np.testing.assert_allclose(middle_of(nets.crops[0]), (seen.min(0) + seen.max(0)) / 2, atol=1.5)


def test_keypoints_in_one_point_are_no_crash(nets: Steady) -> None:
    tracker = FaceTracker(nets)
    for _ in range(3):
        landmarks = tracker.follow(picture(), keypoints=np.zeros((KEYPOINTS, 3), np.float32))
        assert np.isfinite(landmarks).all()


@pytest.mark.parametrize("side", [256, 512])
def test_a_box_is_looked_at_twice_and_always_alike(side: int, nets: Steady, faces: Any) -> None:
    """The first look starts from the box alone, so that both ends see the same pixels."""
    shown = faces.noise(4, side=side)
    box = FaceBox.of(face_at(faces, 130, 110) * np.float32(side / 256), side=side)
    first = landmarks_in(nets, shown, box)
    assert len(nets.crops) == 2
    np.testing.assert_array_equal(landmarks_in(nets, shown, box), first)
    np.testing.assert_array_equal(nets.crops[0], nets.crops[2])
