"""All stages, units: what arrays are called, and the numbers that every stage counts in."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_QP", "PTS_PER_S", "SIZES", "Array", "Floats", "Image", "pts_to_us"]

Image = npt.NDArray[np.uint8]  # (H, W, 3) in RGB, or (H, W) in grey
Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]

PTS_PER_S = 90_000  # presentation time stamps count 1/90000 s, as in MPEG-2 systems and RTP video
SIZES = (256, 512)  # sides of the face square in pixels
MAX_QP = 63


def pts_to_us(pts: float) -> int:
    """1/90000 s to microseconds."""
    return round(pts * 100 / 9)
