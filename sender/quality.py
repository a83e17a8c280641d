"""Stage 4, quality: how near a picture is to the one that went in."""

import numpy as np
import numpy.typing as npt

__all__ = ["psnr_db"]

_EQUAL_DB = 99.0


def psnr_db(image_rgb: npt.NDArray[np.uint8], original_rgb: npt.NDArray[np.uint8]) -> float:
    """PSNR = 10 log10(255^2 / mean squared error) of two pictures uint8 (H, W, 3); 99 dB stands for equal."""
    difference = image_rgb.astype(np.float32) - original_rgb
    return float(min(_EQUAL_DB, 10 * np.log10(255**2 / max(float(np.mean(difference**2)), 1e-9))))
