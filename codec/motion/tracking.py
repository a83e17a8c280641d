"""Stage 3, tracking: a face's landmarks from the picture and from where they were last.

The whole face is looked at first, in an upright crop about the last landmarks; then mouth and eyes again, each in a
window cut at the picture's own resolution from where the first look has put it.
"""

from typing import Protocol

import numpy as np

from codec.motion.face_windows import EYE, MOUTH, WINDOWS, Window, cut, eye_line, window_frame
from codec.units import Array, Floats, Image

__all__ = [
    "CROP_EXTENTS",
    "CROP_SIZE",
    "LandmarkNets",
    "face_frame",
    "find_landmarks",
    "square_frame",
    "window_landmarks",
]

CROP_SIZE = 128
CROP_EXTENTS = 1.75 / 1.125  # side of the crop that the network sees, in the landmarks' larger extent
_SMALLEST_SIDE = 16.0  # pixels


class LandmarkNets(Protocol):
    """The three networks of codec.networks.landmarks as they run; an eye is looked at as a right one."""

    def landmarks(self, crop: Image) -> Floats: ...

    def mouth_points(self, crop: Image) -> Floats: ...

    def eye_points(self, crop: Image) -> Floats: ...


def face_frame(landmarks: Floats) -> Floats:
    """landmarks (P, 3) -> affine map (2, 3) from the pixels of the upright crop about them to the picture's."""
    _, angle = eye_line(landmarks)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = landmarks[:, :2] @ turn
    low, high = upright.min(0), upright.max(0)
    return square_frame((low + high) / 2 @ turn.T, CROP_EXTENTS * float((high - low).max()), turn=turn)


def square_frame(centre: Array, side: float, *, turn: Array | None = None) -> Floats:
    """The same for a square of `side` pixels about a centre (x, y)."""
    scaled = max(side, _SMALLEST_SIDE) / CROP_SIZE * (np.eye(2) if turn is None else turn)
    return np.column_stack((scaled, centre - scaled @ np.full(2, (CROP_SIZE - 1) / 2))).astype(np.float32)


def find_landmarks(nets: LandmarkNets, picture: Image, frame: Floats) -> Floats:
    """RGB picture (S, S, 3), a frame that holds the face -> landmarks (112, 3) in pixels, z towards the camera < 0."""
    scale = float(np.hypot(*frame[:, 0]))
    crop = cut(picture, frame, (CROP_SIZE, CROP_SIZE))
    local = nets.landmarks(crop[None]) * np.float32(CROP_SIZE / 2)
    found = np.empty_like(local)
    found[:, :2] = (local[:, :2] + (CROP_SIZE - 1) / 2) @ frame[:, :2].T + frame[:, 2]
    found[:, 2] = local[:, 2] * scale
    return _refined(nets, picture, found)


def _refined(nets: LandmarkNets, picture: Image, landmarks: Floats) -> Floats:
    """Mouth, lids and irises from windows at the picture's resolution."""
    out = landmarks.copy()
    for window in WINDOWS:
        out[list(window.shape), :2] = window_landmarks(nets, picture, landmarks, window)
    return out


def window_landmarks(nets: LandmarkNets, picture: Image, landmarks: Floats, window: Window) -> Floats:
    """Where a window about landmarks (112, 3) shows its own points: (P, 2) in the order of its shape, in pixels."""
    frame, size = window_frame(landmarks, window), (window.width, window.height)
    mirrored = window is EYE[1]
    net = nets.mouth_points if window is MOUTH else nets.eye_points
    crop = cut(picture, frame, size)
    half = np.array(size, np.float32) / 2
    points = net(np.ascontiguousarray(crop[:, ::-1] if mirrored else crop)[None]) * half
    if mirrored:
        points = points * np.array([-1, 1], np.float32)
    return np.asarray((points + half - 0.5) @ frame[:, :2].T + frame[:, 2], np.float32)
