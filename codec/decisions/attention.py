"""Stage 4, attention: pictures as the encoder compares them, and what in them matters how much.

Errors count more on the face, most at eyes and mouth, where people look: a plain mean would rather spend its bits on
wallpaper.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from codec.motion.flow import FLOW_PICTURE, PICTURE_SIDE, remap, shrink, widen
from codec.motion.gaussian import gaussian
from codec.motion.parameters import FEATURE_POINTS
from codec.units import Floats, Image

__all__ = ["View", "attention", "warp_psnr", "weighted_psnr"]


_ATTENTION_SIZE = 64
_FACE_WEIGHT, _FEATURE_WEIGHT = 2.0, 6.0


@dataclass(frozen=True, slots=True)
class View:
    """A picture as the search sees it, whatever the size of the call, and what matters in it.

    RGB is at 128x128: there, texture that no warp puts back to the pixel has no say in what moves best. Grey is at
    256x256, where optical flow looks for more than it has. attention (128, 128) has mean 1.
    """

    colour: Image
    grey: Image
    attention: Floats

    @classmethod
    def of(cls, picture: Image, *, points: Floats | None = None) -> "View":
        """points (K, 3) are the keypoints in it; without them all of it matters alike."""
        if picture.shape[0] != PICTURE_SIDE:
            small = cv2.resize(picture, (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_AREA)
            picture = np.asarray(small, np.uint8)
        picture = np.ascontiguousarray(picture)
        grey, colour = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8), shrink(picture)
        return cls(colour, grey, np.ones(colour.shape[:2], np.float32) if points is None else attention(points))


def warp_psnr(driving: View, source: View, flow: Floats) -> float:
    """Attention-weighted PSNR in dB, over RGB, of the plain warp by a flow (64, 64, 2)."""
    return weighted_psnr(np.asarray(remap(source.colour, widen(flow, FLOW_PICTURE)), np.uint8), driving)


def weighted_psnr(picture: Image, target: View) -> float:
    """PSNR in dB of a picture (S, S, 3), errors weighted by the target's attention; at most 100."""
    error = cv2.absdiff(picture, target.colour)
    squares = cv2.multiply(error, error, dtype=cv2.CV_32F)
    mean = float((target.attention.reshape(-1) @ squares.reshape(-1, 3)).sum()) / error.size
    return min(100.0, 10 * float(np.log10(255.0**2 / (mean + 1e-9))))


def attention(points: Floats) -> Floats:
    """Weights (128, 128) of mean 1 from keypoints (K, 3): the face above the background, eyes and mouth above it."""
    centres = (np.arange(_ATTENTION_SIZE, dtype=np.float32) * 2 + 1) / _ATTENTION_SIZE - 1

    def bumps(points: Floats, width: float) -> Floats:  # (n, 3) -> (n, 64, 64)
        across, down = (gaussian((centres - points[:, axis, None]) / width) for axis in (0, 1))
        return np.asarray(down[:, :, None] * across[:, None], np.float32)

    points = points[:FEATURE_POINTS]
    middle, reach = points.mean(0, keepdims=True), float(points[:, :2].std()) + 0.05
    field = 1 + _FACE_WEIGHT * bumps(middle, 2 * reach)[0]
    field += _FEATURE_WEIGHT * bumps(points, 0.3 * reach).max(0)
    wide = cv2.resize(field / field.mean(), (FLOW_PICTURE, FLOW_PICTURE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, np.float32)
