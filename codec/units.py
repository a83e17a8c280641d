"""All stages, units: what arrays are called, and the numbers that every stage counts in."""

from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from codec.errors import PictureError

__all__ = ["MAX_QP", "PTS_PER_S", "SIZES", "Array", "Floats", "Image", "pts_to_us", "whole_ticks"]

Image = npt.NDArray[np.uint8]  # (H, W, 3) in RGB, or (H, W) in grey
Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]

PTS_PER_S = 90_000  # presentation time stamps count 1/90000 s, as in MPEG-2 systems and RTP video
SIZES = (256, 512)  # sides of the face square in pixels
MAX_QP = 63


def pts_to_us(pts: float) -> int:
    """1/90000 s to microseconds."""
    return round(pts * 100 / 9)


def whole_ticks(pts: int) -> int:
    """A time stamp as an int, whatever kind of integer it is. PictureError on one that is a float or no number."""
    try:
        return index(pts)
    except TypeError as error:
        raise PictureError(f"a time is a whole number of 1/90000 s, not {pts!r}") from error
