"""Stage 9, generator: warped reference pixels and features -> the picture.

The warped pixels pass through; a U-Net at 1/2, 1/4 and 1/8 of the size adds what the warp could not supply (opened
mouths and eyes, uncovered background, the blur of the coded reference). It starts as the identity. 0.6 GMAC at 256x256,
four times that at 512x512; one of 1.4 GMAC shows the same PSNR and 1 % less LPIPS (docs/speed.md).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.networks.appearance import CHANNELS
from codec.networks.layers import Conv, Merge, Residual, resize, warp, zero_convolution

_WIDTHS = (16, 32, 48)  # at 1/2, 1/4, 1/8


class Generator(nn.Module):
    """(reference picture, its features, flow, occlusion) -> picture (B, 3, S, S) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = CHANNELS
        at2, at4, at8 = _WIDTHS
        self.enter8 = nn.Sequential(Conv(eighth + 3, at8), Residual(at8), Residual(at8))
        self.merge4 = Merge(at8, quarter + 3, at4)
        self.level4 = nn.Sequential(Residual(at4), Residual(at4))
        self.merge2 = Merge(at4, half + 12 + 3, at2)
        self.level2 = Residual(at2)
        self.leave = zero_convolution(at2, 12)

    def forward(
        self, picture: Tensor, *, features: tuple[Tensor, Tensor, Tensor], flow: Tensor, occlusion: Tensor
    ) -> Tensor:
        """picture (B, 3, S, S) in [0, 1]; flow (B, 2, h, w) as in layers.warp; occlusion (B, 1, h, w)."""
        return self.generate(*self.warped(picture, features=features, flow=flow, occlusion=occlusion))

    def warped(
        self, picture: Tensor, *, features: tuple[Tensor, Tensor, Tensor], flow: Tensor, occlusion: Tensor
    ) -> tuple[Tensor, ...]:
        """What the warp supplies: the picture, then features and what the warp did, at 1/2, 1/4 and 1/8.

        Cut alike, these are what a part of the picture is generated from.
        """
        side = side_maps(torch.cat((flow, occlusion), 1))
        levels = [warp(level, flow) for level in features]
        sides = [resize(side, level.shape[-1]).to(level.dtype) for level in levels]
        pairs = [part for pair in zip(levels, sides, strict=True) for part in pair]
        return warp(picture, flow, kernel="bicubic"), *pairs

    def generate(
        self,
        picture: Tensor,
        half: Tensor,
        half_side: Tensor,
        quarter: Tensor,
        quarter_side: Tensor,
        eighth: Tensor,
        eighth_side: Tensor,
    ) -> Tensor:
        """The picture from what `warped` gave."""
        hidden = self.enter8(torch.cat((eighth, eighth_side), 1))
        hidden = self.level4(self.merge4(hidden, quarter, quarter_side))
        pixels = functional.pixel_unshuffle(picture * 2 - 1, 2)
        hidden = self.level2(self.merge2(hidden, half, pixels, half_side))
        return picture.float() + functional.pixel_shuffle(self.leave(hidden).float(), 2)


def side_maps(flow_and_occlusion: Tensor) -> Tensor:
    """(B, 3, h, w) -> what the generator is told of the warp, to doubt what comes of it: occlusion, flow x 4."""
    return torch.cat((flow_and_occlusion[:, 2:], flow_and_occlusion[:, :2] * 4), 1)
