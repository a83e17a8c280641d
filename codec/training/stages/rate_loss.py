"""Training, rate: how many bits the motion of a frame takes, as a loss.

The encoder codes what a motion number, in quantiser steps, differs by from the frame before, with tables close to
Laplacians whose width is the number's own times the frame's loudness. So do we: the widths are running means of what
was seen (the maximum-likelihood scale of a Laplacian), and a frame takes the loudness that codes it with the fewest
bits.
"""

import math

import torch
from torch import Tensor, nn

from codec.motion.parameters import MOTION_NUMBERS
from codec.networks.layers import full_precision

_LOUDNESS = (0.25, 0.5, 1.0, 2.0, 4.0)
_MEMORY = 0.98
_NARROWEST = 0.08  # steps: below it a symbol is as good as free


class MotionRate(nn.Module):
    """Differences of motion numbers in steps (B, N) -> bits a frame (B,), differentiable."""

    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("spread", torch.ones(MOTION_NUMBERS))

    def forward(self, difference: Tensor) -> Tensor:
        with full_precision(difference):
            difference = difference.float()
            if self.training and len(difference):
                with torch.no_grad():
                    self.spread.lerp_(difference.abs().mean(0), 1 - _MEMORY)
            bits = [laplace_bits(difference, self.spread * loudness).sum(1) for loudness in _LOUDNESS]
            return torch.stack(bits).amin(0)


def laplace_bits(value: Tensor, spread: Tensor) -> Tensor:
    """-log2 of what a Laplacian of mean |x| = spread has within half a step around the value."""
    spread = spread.clamp_min(_NARROWEST).expand_as(value)
    size = value.abs()
    beyond = (size - 0.5).clamp_min(0)  # both branches stay finite, so do their gradients
    outside = beyond / spread - torch.log(0.5 * -torch.expm1(-1 / spread))
    within = size.clamp_max(0.5)
    missed = 0.5 * (torch.exp(-(0.5 - within) / spread) + torch.exp(-(0.5 + within) / spread))
    inside = -torch.log1p(-missed.clamp_max(1 - 1e-6))
    return torch.where(size > 0.5, outside, inside) / math.log(2)
