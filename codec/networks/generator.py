"""Stage 9, generator: warped reference pixels and features -> the picture.

The warped pixels pass through; a U-Net at 1/2, 1/4 and 1/8 of the size adds what the warp could not supply (opened
mouths and eyes, uncovered background, the blur of the coded reference). It starts as the identity. About 1 GMAC at
256x256, four times that at 512x512.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.networks.appearance import CHANNELS
from codec.networks.layers import Conv, Residual, resize, upsample, warp, zero_convolution


class Generator(nn.Module):
    """(reference picture, its features, flow, occlusion) -> picture (B, 3, S, S) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = CHANNELS
        self.enter8 = nn.Sequential(Conv(eighth + 3, 64), Residual(64), Residual(64))
        self.enter4 = nn.Sequential(Conv(64 + quarter + 3, 48), Residual(48), Residual(48))
        self.enter2 = nn.Sequential(Conv(48 + half + 12 + 3, 32), Residual(32))
        self.leave = zero_convolution(32, 12)

    def forward(
        self, picture: Tensor, *, features: tuple[Tensor, Tensor, Tensor], flow: Tensor, occlusion: Tensor
    ) -> Tensor:
        """picture (B, 3, S, S) in [0, 1]; flow (B, 2, h, w) as in layers.warp; occlusion (B, 1, h, w)."""
        warped = warp(picture, flow)
        side = torch.cat((occlusion, flow * 4), 1)  # what the warp did, for the networks to doubt
        half, quarter, eighth = (warp(level, flow) for level in features)
        hidden = self.enter8(_join(eighth, side))
        hidden = self.enter4(_join(torch.cat((upsample(hidden), quarter), 1), side))
        pixels = functional.pixel_unshuffle(warped * 2 - 1, 2)
        hidden = self.enter2(_join(torch.cat((upsample(hidden), half, pixels), 1), side))
        return warped.float() + functional.pixel_shuffle(self.leave(hidden).float(), 2)


def _join(features: Tensor, side: Tensor) -> Tensor:
    return torch.cat((features, resize(side, features.shape[-1]).to(features.dtype)), 1)
