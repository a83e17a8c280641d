"""Stage 10, display (offline): two lines of text above a picture of a sheet."""

import cv2
import numpy as np

from codec.units import Image

HEIGHT = 34


def caption(first: str, second: str, *, width: int) -> Image:
    """Black on white. # (34, width, 3)"""
    band = np.full((HEIGHT, width, 3), 255, np.uint8)
    for line, text in enumerate((first, second)):
        cv2.putText(band, text, (4, 14 + 15 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return band
