"""Stages 4 and 10, quality: how near a picture is to the one that went in."""

import cv2

from codec.units import Image

__all__ = ["EQUAL_DB", "psnr_db"]

EQUAL_DB = 100.0  # what stands for infinity, of two pictures without a difference, and the most there is


def psnr_db(image: Image, original: Image) -> float:
    """PSNR = 10 log10(255^2 / mean squared error) over all samples of two 8-bit pictures of one shape."""
    return min(EQUAL_DB, float(cv2.PSNR(image, original))) if (image != original).any() else EQUAL_DB
