"""Tracking: landmarks land on the pixels that the networks saw them at, whatever crop they were looked for in."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.face_windows import EYE, MOUTH, Window
from codec.motion.landmarks import LANDMARKS, LEFT_EYE_POINTS, LIPS, OUTLINE, RIGHT_EYE_POINTS
from codec.motion.tracking import CROP_EXTENTS, CROP_SIZE, face_frame, find_landmarks, square_frame

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

SIDE = 128  # of the picture: a level is half a pixel


def coordinates() -> Picture:
    """A picture whose red is twice x and whose green is twice y: exact where pixels are averaged, too."""
    y, x = np.indices((SIDE, SIDE))
    return np.stack((2 * x, 2 * y, np.zeros_like(x)), -1).astype(np.uint8)


class Nowhere:
    """Networks that see every point in the middle of the crop."""

    def landmarks(self, crop: Picture) -> Floats:
        return np.zeros((LANDMARKS, 3), np.float32)

    def mouth_points(self, crop: Picture) -> Floats:
        return np.zeros((40, 2), np.float32)

    def eye_points(self, crop: Picture) -> Floats:
        return np.zeros((17, 2), np.float32)


def middle_of_a_crop() -> Floats:
    """The pixel of the whole face's crop that a network calls (0, 0)."""
    found = find_landmarks(Nowhere(), coordinates(), np.eye(2, 3, dtype=np.float32))
    return np.asarray(found[OUTLINE, :2].mean(0))


class Surveyors:
    """Networks that read off the picture of coordinates where a face is, and know its landmarks."""

    def __init__(self, landmarks: Floats) -> None:
        self._known = landmarks
        self._middle = middle_of_a_crop()
        self.looked: list[str] = []

    def landmarks(self, crop: Picture) -> Floats:
        self.looked.append("face")
        assert crop.shape == (1, CROP_SIZE, CROP_SIZE, 3)
        local, scale = self._places(crop[0], self._known)
        half = CROP_SIZE / 2
        points = (local - self._middle) / half
        return np.column_stack((points, self._known[:, 2] / scale / half)).astype(np.float32)

    def mouth_points(self, crop: Picture) -> Floats:
        self.looked.append("mouth")
        return self._window(crop, self._known[LIPS], MOUTH)

    def eye_points(self, crop: Picture) -> Floats:
        """A mirrored crop is that of a left eye."""
        self.looked.append("eye")
        mirrored = int(crop[0, 16, 0, 0]) > int(crop[0, 16, -1, 0])
        which = list(LEFT_EYE_POINTS if mirrored else RIGHT_EYE_POINTS)
        return self._window(crop, self._known[which], EYE[int(mirrored)])

    def _window(self, crop: Picture, wanted: Floats, window: Window) -> Floats:
        assert crop.shape == (1, window.height, window.width, 3)
        assert crop.flags.c_contiguous
        local, _ = self._places(crop[0], wanted)
        size = np.array([window.width, window.height])
        return ((local - (size - 1) / 2) / (size / 2)).astype(np.float32)

    @staticmethod
    def _places(crop: Picture, wanted: Floats) -> tuple[Floats, float]:
        """Points of the picture as pixels of a crop of it, by an affine map fitted to its colours; and its scale."""
        y, x = np.indices((crop.shape[0], crop.shape[1]))
        seen = crop[..., :2].astype(np.float64) / 2
        inside = ((seen > 1) & (seen < SIDE - 2)).all(-1)
        there = np.column_stack((x[inside], y[inside], np.ones(int(inside.sum()))))
        fitted, *_ = np.linalg.lstsq(there, seen[inside], rcond=None)
        local = (wanted[:, :2] - fitted[2]) @ np.linalg.inv(fitted[:2])
        return local.astype(np.float32), float(np.hypot(*fitted[0]))


def test_the_middle_of_a_crop_is_its_middle() -> None:
    np.testing.assert_allclose(middle_of_a_crop(), (CROP_SIZE - 1) / 2, atol=1e-3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("shift", "zoom"), [((0, 0), 1.0), ((5, -4), 1.1), ((-9, 8), 0.85), ((0, 0), 2.2)])
def test_landmarks_are_where_the_networks_saw_them(
    seed: int, shift: tuple[float, float], zoom: float, faces: Any
) -> None:
    """From crops that are off, turned with the head or not, and in windows of which one is mirrored."""
    wanted = faces.landmarks(seed, side=SIDE)
    nets = Surveyors(wanted)
    about = wanted * np.float32(zoom)
    about[:, :2] += wanted[:, :2].mean(0) * (1 - zoom) + np.array(shift, np.float32)
    found = find_landmarks(nets, coordinates(), face_frame(about))
    np.testing.assert_allclose(found[:, :2], wanted[:, :2], atol=0.15)
    np.testing.assert_allclose(found[:, 2], wanted[:, 2], atol=0.5)
    assert sorted(nets.looked) == ["eye", "eye", "face", "mouth"]


def test_a_face_is_found_from_an_upright_square_too(faces: Any) -> None:
    wanted = faces.landmarks(2, side=SIDE)
    found = find_landmarks(Surveyors(wanted), coordinates(), square_frame(np.array([60.0, 65.0]), 115.0))
    np.testing.assert_allclose(found[:, :2], wanted[:, :2], atol=0.15)


def test_mouth_and_eyes_are_what_the_second_look_says(faces: Any) -> None:
    """The first look may be off by a little; lips, lids and irises are not."""
    wanted = faces.landmarks(3, side=SIDE)

    class Hasty(Surveyors):
        def landmarks(self, crop: Picture) -> Floats:
            return super().landmarks(crop) + np.array([0.02, -0.015, 0], np.float32)

    found = find_landmarks(Hasty(wanted), coordinates(), face_frame(wanted))
    refined = [*range(LIPS.start, LIPS.stop), *RIGHT_EYE_POINTS, *LEFT_EYE_POINTS]
    others = np.setdiff1d(np.arange(len(wanted)), refined)
    np.testing.assert_allclose(found[refined, :2], wanted[refined, :2], atol=0.15)
    assert np.abs(found[others, :2] - wanted[others, :2]).min() > 0.6


def test_the_crop_holds_the_face_upright(faces: Any) -> None:
    landmarks = faces.landmarks(4)
    frame = face_frame(landmarks)
    local = (landmarks[:, :2] - frame[:, 2]) @ np.linalg.inv(frame[:, :2]).T
    assert local.min() > 0
    assert local.max() < CROP_SIZE
    extents = local.max(0) - local.min(0)
    assert extents.max() == pytest.approx(CROP_SIZE / CROP_EXTENTS, rel=1e-3)
    np.testing.assert_allclose((local.max(0) + local.min(0)) / 2, (CROP_SIZE - 1) / 2, atol=1e-2)


def test_landmarks_in_one_point_still_have_a_crop() -> None:
    frame = face_frame(np.full((112, 3), 50, np.float32))
    assert np.isfinite(frame).all()
    assert np.hypot(*frame[:, 0]) * CROP_SIZE >= 16
