"""Stage 9, outlines: lips, lids and irises as the generator sees them, drawn from landmarks."""

import cv2
import numpy as np

from codec.motion.face_windows import MOUTH, Window
from codec.motion.landmarks import INNER_LIPS, OUTER_LIPS
from codec.units import Floats, Image

__all__ = ["outlines"]

_SUBPIXELS = 4  # bits
_IRIS_RADIUS = 0.065  # io
_FAR = 4.0  # windows: where a point is kept, whatever a peer sends


def outlines(local: Floats, window: Window) -> Image:
    """A window's shape (P, 2) in its pixels -> uint8 (height, width, 2): outer and inner lips, or lids and iris."""
    reach = _FAR * window.width
    points = np.round(np.clip(np.nan_to_num(local), -reach, reach) * (1 << _SUBPIXELS)).astype(np.int32)
    drawn = np.zeros((2, window.height, window.width), np.uint8)
    if window is MOUTH:
        for plane, part in zip(drawn, (OUTER_LIPS, INNER_LIPS), strict=True):
            cv2.fillPoly(plane, [points[part]], 255, cv2.LINE_AA, _SUBPIXELS)
    else:
        radius = _IRIS_RADIUS * window.width / window.share
        middle = (int(points[-1, 0]), int(points[-1, 1]))
        cv2.fillPoly(drawn[0], [points[:-1]], 255, cv2.LINE_AA, _SUBPIXELS)
        cv2.circle(drawn[1], middle, round(radius * (1 << _SUBPIXELS)), 255, -1, cv2.LINE_AA, _SUBPIXELS)
    return np.ascontiguousarray(drawn.transpose(1, 2, 0))
