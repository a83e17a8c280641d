"""Windows of the face: they turn and grow with it, points go there and back, pictures are cut where points say."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.face_windows import EYE, MOUTH, WINDOWS, Window, cut, eye_line, window_frame, window_points
from codec.motion.landmarks import MIRROR

Floats = npt.NDArray[np.float32]

windows = pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)


def turned(points: Floats, degrees: float, zoom: float) -> Floats:
    """About the middle of a 256x256 picture."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    out = points * np.float32(zoom)
    out[:, :2] = (points[:, :2] - 128) @ turn * zoom + 128
    return out


def spot(picture: Any) -> Floats:
    """Where the brightness of a picture has its centre (x, y)."""
    grey = picture.astype(np.float64).sum(-1)
    y, x = np.indices(grey.shape)
    return np.asarray(np.array([(grey * x).sum(), (grey * y).sum()]) / grey.sum(), np.float32)


def dotted(at: Floats, *, side: int = 256, radius: float = 2.0) -> Any:
    """A soft dot on black, uint8 (side, side, 3)."""
    y, x = np.indices((side, side))
    dot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * radius**2))
    return np.repeat((255 * dot)[..., None], 3, 2).astype(np.uint8)


@windows
def test_the_middle_of_a_window_is_the_mean_of_its_landmarks(window: Window, faces: Any) -> None:
    landmarks = faces.landmarks(3)
    frame = window_frame(landmarks, window)
    middle = window_points(landmarks[list(window.about), :2].mean(0)[None], frame)[0]
    np.testing.assert_allclose(middle, ((window.width - 1) / 2, (window.height - 1) / 2), atol=1e-3)


@windows
def test_points_go_there_and_back(window: Window, faces: Any) -> None:
    landmarks = faces.landmarks(4)
    frame = window_frame(landmarks, window)
    local = window_points(landmarks, frame)
    np.testing.assert_allclose(local @ frame[:, :2].T + frame[:, 2], landmarks[:, :2], atol=1e-2)


@windows
@pytest.mark.parametrize(("degrees", "zoom"), [(0, 1.5), (40, 1.0), (-75, 0.6), (180, 1.0)])
def test_a_window_turns_and_grows_with_the_face(window: Window, degrees: float, zoom: float, faces: Any) -> None:
    """So the same face has the same places in it."""
    landmarks = faces.landmarks(5)
    other = turned(landmarks, degrees, zoom)
    before, after = (window_points(points, window_frame(points, window)) for points in (landmarks, other))
    np.testing.assert_allclose(after, before, atol=0.05)


@windows
def test_a_window_is_its_share_of_io_wide(window: Window, faces: Any) -> None:
    landmarks = faces.landmarks(6)
    io, _ = eye_line(landmarks)
    frame = window_frame(landmarks, window)
    assert np.hypot(*frame[:, 0]) * window.width == pytest.approx(window.share * io, rel=1e-5)
    assert np.hypot(*frame[:, 0]) == pytest.approx(np.hypot(*frame[:, 1]))


def test_io_is_told_in_space(faces: Any) -> None:
    """A head that turns keeps the size of its windows."""
    shape = faces.shape()
    person = shape.person(shape.mean * 90 + np.float32(128), side=256)
    numbers = person.own.copy()
    numbers[0] += 0.8
    before, after = (eye_line(person.landmarks(n))[0] for n in (person.own, numbers))
    assert after == pytest.approx(before, rel=1e-4)


def test_eyes_are_each_others_mirror_image(faces: Any) -> None:
    right, left = EYE
    assert (right.width, right.height, right.share) == (left.width, left.height, left.share)
    face = faces.mean() * np.float32(90)
    mirrored = face[MIRROR] * np.array([-1, 1, 1], np.float32)
    seen = window_points(face[list(right.shape)], window_frame(face, right))
    other = window_points(mirrored[list(left.shape)], window_frame(mirrored, left))
    other[:, 0] = left.width - 1 - other[:, 0]
    np.testing.assert_allclose(other, seen, atol=1e-3)


@windows
@pytest.mark.parametrize("side", [256, 512, 1536])
def test_a_dot_is_cut_where_its_point_is(window: Window, side: int, faces: Any) -> None:
    """Where the picture is averaged down first, too."""
    landmarks = faces.landmarks(7, side=side)
    frame, size = window_frame(landmarks, window), (window.width, window.height)
    at = landmarks[list(window.about), :2].mean(0) + np.array([4, -3], np.float32) * side / 256
    seen = cut(dotted(at, side=side, radius=2.5 * side / 256), frame, size)
    assert seen.shape == (window.height, window.width, 3)
    np.testing.assert_allclose(spot(seen), window_points(at[None], frame)[0], atol=0.15)


def test_what_is_cut_from_a_large_picture_is_averaged() -> None:
    """A chequered picture gives grey, not stripes."""
    chequered = (np.indices((1024, 1024)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    frame = np.array([[5, 0, 200], [0, 5, 200]], np.float32)
    seen = cut(chequered, frame, (MOUTH.width, MOUTH.height))
    assert np.abs(seen.astype(int) - 128).max() < 30


def test_cutting_changes_neither_picture_nor_frame(faces: Any) -> None:
    picture, frame = faces.noise(1, side=512), np.array([[6, 0, 10], [0, 6, 20]], np.float32)
    copies = picture.copy(), frame.copy()
    cut(picture, frame, (48, 32))
    np.testing.assert_array_equal(picture, copies[0])
    np.testing.assert_array_equal(frame, copies[1])


@pytest.mark.parametrize("at", [(-500, -500), (2000, 40), (128, 5000)])
def test_a_window_beside_the_picture_shows_its_edge(at: tuple[float, float], faces: Any) -> None:
    picture = faces.noise(2)
    landmarks = faces.landmarks(8)
    landmarks[:, :2] += np.array(at, np.float32) - 128
    seen = cut(picture, window_frame(landmarks, MOUTH), (MOUTH.width, MOUTH.height))
    assert seen.shape == (MOUTH.height, MOUTH.width, 3)
    border = np.concatenate((picture[0], picture[-1], picture[:, 0], picture[:, -1])).astype(int)
    assert cv2.minMaxLoc(seen[..., 0])[1] <= border[:, 0].max()


@pytest.mark.parametrize("scale", [1e-3, 1e2, 1e3, 1e5])
def test_a_frame_of_any_scale_is_cut(scale: float, faces: Any) -> None:
    """A peer may send any."""
    frame = np.array([[scale, 0, 100], [0, scale, 100]], np.float32)
    assert cut(faces.noise(3), frame, (80, 64)).shape == (64, 80, 3)
