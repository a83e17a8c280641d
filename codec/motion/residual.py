"""Stage 4, motion residual: what the base layer's warping field missed, as a few DCT coefficients.

The encoder sees reference and driving picture together and can measure the true motion with dense optical flow. The
difference to the base layer's field is averaged onto a 16x16 grid, each cell weighted by how much texture it has to be
right about, and transformed by an orthonormal DCT-II. A 16x16 grid holds 1 to 2 dB less than dense flow (measured on
talking heads), its low frequencies nearly all of that.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from codec.motion.parameters import FLOW_SIZE

GRID = 16
DIAGONALS = 2 * GRID - 1
PICTURE_SIDE = 256  # of pictures as they are compared
FLOW_PICTURE = 128  # side at which optical flow is measured: half of that, and still eight pixels a cell
COEFFICIENTS = (2, GRID, GRID)

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


def _dct_matrix() -> Floats:
    index = np.arange(GRID)
    matrix = np.cos(np.pi / GRID * index[:, None] * (index[None] + 0.5)) * np.sqrt(2 / GRID)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


_DCT = _dct_matrix()
_NO_MAP = np.empty(0, np.float32)  # OpenCV's way to say that the first map holds x and y
# Coefficients in the order they are coded: by diagonal, low frequencies first.
ORDER = sorted(((u, v) for u in range(GRID) for v in range(GRID)), key=lambda uv: (uv[0] + uv[1], uv[0]))


def transform(grid: Floats) -> Floats:
    """Flow on the grid (16, 16, 2) -> coefficients (2, 16, 16)."""
    return np.asarray(_DCT @ grid.transpose(2, 0, 1) @ _DCT.T, np.float32)


def inverse(coefficients: Floats) -> Floats:
    """Coefficients (2, 16, 16) -> flow (64, 64, 2), interpolated bilinearly from the grid."""
    grid = np.ascontiguousarray((_DCT.T @ coefficients.astype(np.float32) @ _DCT).transpose(1, 2, 0))
    return np.asarray(cv2.resize(grid, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_LINEAR), np.float32)


def widen(flow: Floats, side: int) -> Floats:
    """Flow (64, 64, 2) -> (side, side, 2)."""
    return np.asarray(cv2.resize(flow, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def shrink(picture: Bytes) -> Bytes:
    """A picture (256, 256) -> (128, 128)."""
    return np.asarray(cv2.resize(picture, (FLOW_PICTURE, FLOW_PICTURE), interpolation=cv2.INTER_AREA), np.uint8)


class FlowEstimator:
    """DIS optical flow (Kroeger et al., ECCV 2016) from the driving picture to the reference."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(0)  # at half of it, lips and eyelids that move apart are missed
        self._dis.setVariationalRefinementIterations(0)  # the grid is coarser than what they refine

    def measure(self, reference: Bytes, driving: Bytes, *, start: Floats) -> Floats:
        """Grey pictures (256, 256) and (128, 128), and the flow expected -> flow (128, 128, 2), in halves of the side.

        driving(x) ≈ reference(x + flow(x)). `start` (64, 64, 2) lets it follow motion too large to be found from
        nothing: the reference is first warped by it, at full size to keep it sharp, and the rest is measured.
        """
        near = shrink(np.asarray(remap(reference, widen(start, PICTURE_SIDE)), np.uint8))
        expected = widen(start, FLOW_PICTURE)
        rest = np.asarray(self._dis.calc(driving, near, np.zeros_like(expected)) / np.float32(FLOW_PICTURE / 2))
        # near(x + rest) = reference(x + rest + expected(x + rest)): the two fields compose.
        return rest + np.asarray(remap(expected, rest), np.float32)


def remap(picture: Floats | Bytes, flow: Floats) -> npt.NDArray[Any]:
    """Backward warp by OpenCV: out(x) = picture(x + flow(x)); flow (S, S, 2) in halves of the side."""
    size = flow.shape[0]
    places = flow * np.float32(size / 2)
    places += _pixels(size)
    return cv2.remap(picture, places, _NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@cache
def _pixels(size: int) -> Floats:
    """Where every pixel is, (S, S, 2) as (x, y)."""
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    return np.stack((xs, ys), -1)


def texture(picture: Bytes) -> Floats:
    """How much flow matters at each pixel of a grey picture (128, 128): squared gradients, blurred."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.GaussianBlur(across**2 + down**2, (0, 0), 3.0), np.float32)


def to_grid(field: Floats, weight: Floats) -> Floats:
    """A field (128, 128, 2) averaged with weights (128, 128) onto the grid; empty cells take from their neighbours."""
    weight = weight + 1e-3 * weight.mean() + 1e-6
    total = cv2.resize(weight, (GRID, GRID), interpolation=cv2.INTER_AREA)
    mean = cv2.resize(field * weight[..., None], (GRID, GRID), interpolation=cv2.INTER_AREA) / total[..., None]
    # Cells that know little lean on their neighbourhood (normalised convolution, Knutsson and Westin, 1993).
    trust = (total / (total + 0.25 * total.mean()))[..., None].astype(np.float32)
    around = cv2.GaussianBlur(mean * trust, (0, 0), 1.2) / (
        cv2.GaussianBlur(trust[..., 0], (0, 0), 1.2)[..., None] + 1e-6
    )
    return np.asarray(trust * mean + (1 - trust) * around, np.float32)
