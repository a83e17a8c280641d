"""Stage 4, motion residual: what the base layer's warping field missed, as a few DCT coefficients.

The encoder sees reference and driving picture together and can measure the true motion with dense optical flow. The
difference to the base layer's field is averaged onto a 16x16 grid, each cell weighted by how much texture it has to be
right about, and transformed by an orthonormal DCT-II. A 16x16 grid holds 1 to 2 dB less than dense flow (measured on
talking heads), its low frequencies nearly all of that.
"""

import cv2
import numpy as np

from codec.motion.parameters import FLOW_SIZE
from codec.units import Floats

GRID = 16
DIAGONALS = 2 * GRID - 1
COEFFICIENTS = (2, GRID, GRID)


def _dct_matrix() -> Floats:
    index = np.arange(GRID)
    matrix = np.cos(np.pi / GRID * index[:, None] * (index[None] + 0.5)) * np.sqrt(2 / GRID)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float32)


_DCT = _dct_matrix()
# Coefficients in the order they are coded: by diagonal, low frequencies first.
ORDER = sorted(((u, v) for u in range(GRID) for v in range(GRID)), key=lambda uv: (uv[0] + uv[1], uv[0]))


def transform(grid: Floats) -> Floats:
    """Flow on the grid (16, 16, 2) -> coefficients (2, 16, 16)."""
    return np.asarray(_DCT @ grid.transpose(2, 0, 1) @ _DCT.T, np.float32)


def inverse(coefficients: Floats) -> Floats:
    """Coefficients (2, 16, 16) -> flow (64, 64, 2), interpolated bilinearly from the grid."""
    grid = np.ascontiguousarray((_DCT.T @ coefficients.astype(np.float32) @ _DCT).transpose(1, 2, 0))
    return np.asarray(cv2.resize(grid, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_LINEAR), np.float32)


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
