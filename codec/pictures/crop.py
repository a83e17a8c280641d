"""Stage 2, crop: a square of the frame <-> the face picture, a similarity transform and its inverse.

Coordinates are continuous pixels of the frame, x to the right and y down: pixel (column i, row j) covers [i, i + 1) by
[j, j + 1), so a frame spans 0..width by 0..height. Outside of it, the nearest edge pixel stands in.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from codec.errors import ConfigError, PictureError
from codec.units import Image

__all__ = ["Crop", "centre_crop", "fitted"]

MAX_OVERSAMPLING = 8
_SMALLEST = 16  # pixels, of a picture to be coded


@dataclass(frozen=True, slots=True)
class Crop:
    """The square of `side` pixels about (cx, cy), turned by `angle` radians clockwise in the frame."""

    cx: float
    cy: float
    side: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.cx, self.cy, self.side, self.angle))) or self.side < 1:
            raise ConfigError(f"a crop about ({self.cx}, {self.cy}) of side {self.side}, angle {self.angle}")

    def matrix(self, size: int) -> NDArray[np.float64]:
        """Return (2, 3): continuous frame coordinates (x, y, 1) to those of a face picture of `size` pixels."""
        scale = size / self.side
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        half = size / 2
        return np.array(
            [
                [cos, sin, half - cos * self.cx - sin * self.cy],
                [-sin, cos, half + sin * self.cx - cos * self.cy],
            ]
        )

    def inverse(self, size: int) -> NDArray[np.float64]:
        """Return (2, 3): the way back, face picture to frame."""
        return np.asarray(cv2.invertAffineTransform(self.matrix(size)), np.float64)

    def extract(self, image_rgb: Image, size: int) -> Image:
        """Cut the square out of a frame, uint8 (H, W, 3), as (size, size, 3).

        A square larger than `size` is sampled at least as densely as the frame, then averaged down, so that nothing
        aliases; one that lies on whole pixels and needs no scaling comes out unchanged.
        """
        _check(image_rgb)
        factor = min(MAX_OVERSAMPLING, max(1, math.ceil(self.side / size - 1e-6)))
        face = _warp(image_rgb, self.matrix(size * factor), (size * factor, size * factor), cv2.BORDER_REPLICATE)
        if factor > 1:
            face = np.asarray(cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
        return face

    def paste(self, image_rgb: Image, face_rgb: Image) -> Image:
        """Return a copy of the frame with the face picture, square, put back where `extract` took it."""
        _check(image_rgb)
        _check(face_rgb)
        if face_rgb.shape[0] != face_rgb.shape[1]:
            raise PictureError(f"a face picture is square, not {face_rgb.shape}")
        size = face_rgb.shape[0]
        if size > self.side:
            size = max(1, round(self.side))
            face_rgb = np.asarray(cv2.resize(face_rgb, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
        height, width = image_rgb.shape[:2]
        backward = self.inverse(size)
        pasted = _warp(face_rgb, backward, (width, height), cv2.BORDER_REPLICATE).astype(np.float32)
        whole = np.full((size, size), 255, np.uint8)
        weight = _warp(whole, backward, (width, height), cv2.BORDER_CONSTANT).astype(np.float32)[..., None] / 255
        mixed = pasted * weight + image_rgb.astype(np.float32) * (1 - weight)
        return np.rint(mixed).astype(np.uint8)


def centre_crop(height: int, width: int) -> Crop:
    """Return the largest square in the middle of a frame, on whole pixels."""
    side = min(height, width)
    return Crop((width - side) // 2 + side / 2, (height - side) // 2 + side / 2, side)


def _check(image_rgb: Image) -> None:
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8 or 0 in image_rgb.shape:
        raise PictureError(f"a picture is uint8 (H, W, 3), not {image_rgb.dtype} {image_rgb.shape}")


def _warp(image: Image, matrix: NDArray[np.float64], shape: tuple[int, int], border: int) -> Image:
    # OpenCV puts coordinates at pixel centres: half a pixel off ours, before the transform and after it.
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2].sum(axis=1) / 2 - 0.5
    return np.asarray(cv2.warpAffine(image, centred, shape, flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def fitted(image_rgb: Image, size: int) -> Image:
    """uint8 (H, W, 3), square -> uint8 (size, size, 3). PictureError when it is no such picture."""
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
        raise PictureError(f"a picture is uint8 (H, W, 3), not {image_rgb.dtype} {image_rgb.shape}")
    height, width = image_rgb.shape[:2]
    if height != width or height < _SMALLEST:
        raise PictureError(f"a face picture is square and at least {_SMALLEST} wide, not {width}x{height}")
    if height == size:
        return np.ascontiguousarray(image_rgb)
    way = cv2.INTER_AREA if height > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image_rgb, (size, size), interpolation=way), np.uint8)
