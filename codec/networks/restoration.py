"""Stage 9, restoration: the decoded reference picture -> what it looked like before it was coded, once per reference.

References are coded at a few hundred bytes, and their blur is most of what a viewer (and LPIPS) holds against a frame
that is warped from them. A U-Net at 1/2, 1/4 and 1/8 of the size takes coding noise out and puts texture back; it is
told how coarsely the picture was coded. It starts as the identity, stays outside the coder's prediction loop, and costs
about 3 GMAC at 256x256, once a second rather than every frame.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.networks.layers import Conv, Residual, upsample, zero_convolution

QUALITY_RANGE = 63.0  # of AV1's crf
_WIDTHS = (32, 64, 96)  # at 1/2, 1/4, 1/8


class Restoration(nn.Module):
    """(decoded picture, crf) -> picture (B, 3, S, S), nominally in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = _WIDTHS
        self.enter2 = nn.Sequential(Conv(12 + 1, half), Residual(half))
        self.enter4 = nn.Sequential(Conv(half, quarter, stride=2), Residual(quarter), Residual(quarter))
        self.enter8 = nn.Sequential(Conv(quarter, eighth, stride=2), Residual(eighth), Residual(eighth))
        self.leave4 = nn.Sequential(Conv(eighth + quarter, quarter), Residual(quarter))
        self.leave2 = nn.Sequential(Conv(quarter + half, half), Residual(half))
        self.leave = zero_convolution(half, 12)

    def forward(self, picture: Tensor, crf: Tensor) -> Tensor:
        """picture (B, 3, S, S) in [0, 1]; crf (B,), the quality index that it was coded with."""
        pixels = functional.pixel_unshuffle(picture * 2 - 1, 2)
        coarseness = (crf / QUALITY_RANGE).view(-1, 1, 1, 1).to(pixels.dtype).expand(-1, 1, *pixels.shape[2:])
        at2 = self.enter2(torch.cat((pixels, coarseness), 1))
        at4 = self.enter4(at2)
        hidden = self.leave4(torch.cat((upsample(self.enter8(at4)), at4), 1))
        hidden = self.leave2(torch.cat((upsample(hidden), at2), 1))
        return picture.float() + functional.pixel_shuffle(self.leave(hidden).float(), 2)
