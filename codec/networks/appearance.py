"""Stage 9, appearance: the reference picture -> features at 1/2, 1/4 and 1/8 of its size, once per reference.

About 0.3 GMAC at 256x256. Pixels enter by pixel-unshuffle (Shi et al., CVPR 2016), which costs no convolution at the
full size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.networks.layers import Conv, Residual

CHANNELS = (16, 32, 64)  # at 1/2, 1/4, 1/8


class Appearance(nn.Module):
    """(B, 3, S, S) in [0, 1] -> three feature maps."""

    def __init__(self) -> None:
        super().__init__()
        self.level2 = Conv(12, CHANNELS[0])
        self.level4 = nn.Sequential(Conv(CHANNELS[0], CHANNELS[1], stride=2), Residual(CHANNELS[1]))
        self.level8 = nn.Sequential(Conv(CHANNELS[1], CHANNELS[2], stride=2), Residual(CHANNELS[2]))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half = self.level2(functional.pixel_unshuffle(picture * 2 - 1, 2))
        quarter = self.level4(half)
        return half, quarter, torch.as_tensor(self.level8(quarter))
