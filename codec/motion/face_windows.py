"""Stages 4 and 9, windows: the upright rectangles about mouth and eyes in which a face is looked at and drawn.

A window turns and grows with the face: its axes follow the line between the outer corners of the eyes, its pixels are
shares of that distance (io, in 3-D, so that a turned head keeps its scale). A *frame* is the affine map from window
pixels to picture pixels, (2, 3), as OpenCV takes it with WARP_INVERSE_MAP.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from codec.motion.landmarks import (
    LEFT_CORNER,
    LEFT_EYE,
    LEFT_EYE_POINTS,
    LIPS,
    RIGHT_CORNER,
    RIGHT_EYE,
    RIGHT_EYE_POINTS,
)
from codec.units import Floats, Image

_MOST_SCALE = 1.9  # picture pixels to one of the window's
_AROUND = 8  # picture pixels

__all__ = ["EYE", "MOUTH", "WINDOWS", "Window", "cut", "eye_line", "window_frame", "window_points"]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of width x height pixels, `share` of io wide, about the mean of some landmarks.

    `shape` are the landmarks whose places in it tell expressions apart; both eyes' in the right one's order.
    """

    name: str
    width: int
    height: int
    share: float
    about: tuple[int, ...]
    shape: tuple[int, ...]


_LIPS = tuple(range(LIPS.start, LIPS.stop))
MOUTH = Window("mouth", 80, 64, 1.25, _LIPS, _LIPS)
EYE = (
    Window("right eye", 48, 32, 0.75, tuple(range(RIGHT_EYE.start, RIGHT_EYE.stop)), RIGHT_EYE_POINTS),
    Window("left eye", 48, 32, 0.75, tuple(range(LEFT_EYE.start, LEFT_EYE.stop)), LEFT_EYE_POINTS),
)
WINDOWS = (MOUTH, *EYE)


def eye_line(landmarks: Floats) -> tuple[float, float]:
    """io in pixels, and the angle of the line between the outer corners of the eyes in radians."""
    x, y, z = (landmarks[LEFT_CORNER] - landmarks[RIGHT_CORNER]).tolist()
    return math.hypot(x, y, z), math.atan2(y, x)


def window_frame(landmarks: Floats, window: Window) -> Floats:
    """landmarks (112, 3) in picture pixels -> the window's frame (2, 3)."""
    io, angle = eye_line(landmarks)
    scale = window.share * io / window.width
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    x, y = (landmarks[list(window.about), :2].sum(0) / len(window.about)).tolist()
    across, down = (window.width - 1) / 2, (window.height - 1) / 2
    return np.array([[cos, -sin, x - cos * across + sin * down], [sin, cos, y - sin * across - cos * down]], np.float32)


def window_points(points: Floats, frame: Floats) -> Floats:
    """Points (P, 2 or 3) in picture pixels -> (P, 2) in window pixels."""
    (a, b), (c, d) = frame[:, :2].tolist()
    inverse = np.array([[d, -c], [-b, a]], np.float32) / np.float32(a * d - b * c)  # transposed
    return np.asarray((points[:, :2] - frame[:, 2]) @ inverse, np.float32)


def cut(picture: Image, frame: Floats, size: tuple[int, int]) -> Image:
    """The pixels of a frame, (height, width, 3) for a size (width, height); a large picture is averaged down first."""
    scale = math.hypot(float(frame[0, 0]), float(frame[1, 0]))
    if scale > _MOST_SCALE:
        picture, frame = _part(picture, frame, size)
    while (
        scale > _MOST_SCALE and min(picture.shape[:2]) > 1
    ):  # OpenCV's warps take single pixels, however many lie between them
        picture = np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        frame, scale = np.asarray(frame / 2, np.float32), scale / 2
        frame[:, 2] -= 0.25  # where the centre of the first pixel goes
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, frame, size, flags=way, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _part(picture: Image, frame: Floats, size: tuple[int, int]) -> tuple[Image, Floats]:
    """The part of a picture that a frame covers, as far as there is one, and the frame in it."""
    corners = np.array([(x, y, 1) for x in (0, size[0]) for y in (0, size[1])]) @ frame.T
    edge = np.array([picture.shape[1], picture.shape[0]])
    low = np.clip(np.floor(corners.min(0)) - _AROUND, 0, edge - _AROUND).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + _AROUND, low + _AROUND, edge).astype(int)
    moved = frame.copy()
    moved[:, 2] -= low
    return picture[low[1] : high[1], low[0] : high[0]], moved
