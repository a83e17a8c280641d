"""Training, motion residual: what the encoder would send of the measured flow beyond the base layer, in batches.

The same steps as codec.motion.residual, on tensors: a mean over the grid weighted by texture, an orthonormal
DCT-II, the quantiser, and back. Nothing here is differentiable: the receiver adds it as it is.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from codec.motion.parameters import FLOW_SIZE
from codec.motion.residual import GRID
from codec.networks.layers import full_precision, resize
from codec.training.data.optical_flow import MEASURED_SIZE

_TRUST = 0.25


@torch.no_grad()
def quantised_residual(
    measured: Tensor, base: Tensor, driving: Tensor, *, step: Tensor, diagonals: Tensor
) -> tuple[Tensor, Tensor]:
    """Flow to add to the base layer's (B, 2, 64, 64), and the symbols that would be coded (B, 2, 16, 16).

    measured (B, 2, 128, 128), base (B, 2, 64, 64), driving (B, 3, S, S); step (B,), and how many diagonals of the DCT
    are sent (B,), 0 for no residual.
    """
    with full_precision(measured):
        wanted = to_coefficients(measured - resize(base.float(), MEASURED_SIZE), texture(driving))
        index = torch.arange(GRID, device=wanted.device)
        kept = (index[:, None] + index) < diagonals[:, None, None]
        steps = step[:, None, None, None]
        symbols = torch.round(wanted / steps) * kept[:, None]
        return to_flow(symbols * steps), symbols


def texture(picture: Tensor) -> Tensor:
    """Squared gradients of (B, 3, S, S), blurred, (B, 1, 128, 128)."""
    small = resize(picture.float().mean(1, keepdim=True), MEASURED_SIZE)
    wide = functional.pad(small, (1, 1, 1, 1), mode="replicate")
    across, down = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2], wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    return functional.avg_pool2d(functional.pad(across**2 + down**2, (2, 2, 2, 2), mode="replicate"), 5, 1)


def to_coefficients(field: Tensor, weight: Tensor) -> Tensor:
    """A field (B, 2, 128, 128) averaged with weights onto the grid, transformed: (B, 2, 16, 16) as (u, v)."""
    weight = weight + 1e-3 * weight.mean((2, 3), keepdim=True) + 1e-9
    cell = MEASURED_SIZE // GRID
    total = functional.avg_pool2d(weight, cell)
    mean = functional.avg_pool2d(field * weight, cell) / total
    trust = total / (total + _TRUST * total.mean((2, 3), keepdim=True))
    grid = trust * mean + (1 - trust) * _around(mean * trust) / (_around(trust) + 1e-6)
    matrix = _dct(field.device)
    return matrix @ grid @ matrix.T


def to_flow(coefficients: Tensor) -> Tensor:
    """Coefficients (B, 2, 16, 16) -> flow (B, 2, 64, 64)."""
    matrix = _dct(coefficients.device)
    return resize(matrix.T @ coefficients @ matrix, FLOW_SIZE)


def _dct(device: torch.device) -> Tensor:
    index = torch.arange(GRID, device=device, dtype=torch.float32)
    matrix = torch.cos(math.pi / GRID * index[:, None] * (index + 0.5)) * math.sqrt(2 / GRID)
    matrix[0] /= math.sqrt(2)
    return matrix


def _around(field: Tensor) -> Tensor:
    """A Gaussian of 1.2 cells."""
    taps = torch.exp(-0.5 * (torch.arange(-3, 4, device=field.device) / 1.2) ** 2)
    kernel = (taps[:, None] * taps / taps.sum() ** 2).expand(field.shape[1], 1, -1, -1)
    return functional.conv2d(functional.pad(field, (3, 3, 3, 3), mode="reflect"), kernel, groups=field.shape[1])
