"""Stage 3, landmark flow: a warping field moved so that it takes the face's landmarks where they are known to be.

The base layer's field comes from few keypoints; the landmarks of both pictures say at 112 places how far it is off.
These differences are spread over the face by normalised convolution (Knutsson and Westin, 1993) with a Gaussian, and
fade out where there are no landmarks.
"""

import numpy as np

from codec.motion.gaussian import gaussian
from codec.motion.parameters import FLOW_SIZE
from codec.units import Floats

__all__ = ["follow_landmarks"]

_SPREAD = np.float32(0.06 * 2**0.5)  # standard deviation .06 halves of the picture, as exp(-x²) takes it
_DOUBT = 0.5  # landmarks' worth of "no difference" everywhere


def follow_landmarks(flow: Floats, *, target: Floats, reference: Floats, side: int) -> Floats:
    """Flow (64, 64, 2) and landmarks (112, 3) of both pictures, in pixels of that side -> flow (64, 64, 2)."""
    there = target[:, :2] / np.float32(side / 2) - 1
    missing = (reference[:, :2] - target[:, :2]) / np.float32(side / 2) - _sampled(flow, there)
    centres = (np.arange(FLOW_SIZE, dtype=np.float32) * 2 + 1) / FLOW_SIZE - 1
    across, down = (gaussian((centres[:, None] - there[None, :, axis]) / _SPREAD) for axis in (0, 1))
    total = down @ across.T + np.float32(_DOUBT)
    moved = np.stack([(down * missing[:, axis]) @ across.T for axis in (0, 1)], -1)
    return np.asarray(flow + moved / total[..., None], np.float32)


def _sampled(flow: Floats, places: Floats) -> Floats:
    """Flow (64, 64, 2) at places (P, 2) in [-1, 1], bilinearly."""
    at = np.clip((places + 1) * (FLOW_SIZE / 2) - 0.5, 0, FLOW_SIZE - 1.001)
    low = at.astype(np.int32)
    x, y = (at - low).T[..., None]
    column, row = low.T
    upper = flow[row, column] * (1 - x) + flow[row, column + 1] * x
    lower = flow[row + 1, column] * (1 - x) + flow[row + 1, column + 1] * x
    return np.asarray(upper * (1 - y) + lower * y, np.float32)
