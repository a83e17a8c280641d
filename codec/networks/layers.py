"""Stages 3 and 9, the blocks the networks share: convolutions, residual blocks, warping.

There is no batch normalisation: its running statistics mislead at the few hundred identities a small training set
has, and a codec may not depend on what else is in a batch. Residual branches start at zero instead (Zhang et al.,
"Fixup", 2019), which keeps such plain networks trainable.
"""

from contextlib import AbstractContextManager
from functools import cache
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

Kernel = Literal["bilinear", "bicubic"]


class Conv(nn.Sequential):
    """3x3 convolution and leaky ReLU; stride 2 halves the picture."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1, kernel: int = 3) -> None:
        convolution = nn.Conv2d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2)
        super().__init__(convolution, nn.LeakyReLU(0.1, inplace=True))


class Merge(nn.Module):
    """3x3 convolution over coarse features, brought to twice their size, and finer ones; leaky ReLU.

    It is one convolution over both put together, taken apart into a sum: engines spend longer on putting them together
    than on the second sum (a generator in float32 takes 0.6 of the time, in bfloat16 and int8 0.9).
    """

    def __init__(self, coarse: int, fine: int, channels_out: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, channels_out, 3, padding=1, bias=False)
        self.fine = nn.Conv2d(fine, channels_out, 3, padding=1)

    def forward(self, coarse: Tensor, *fine: Tensor) -> Tensor:
        """coarse (B, C, h, w); the finer ones (B, C, 2 h, 2 w)."""
        parts = fine[0] if len(fine) == 1 else torch.cat(fine, 1)
        return functional.leaky_relu(self.coarse(upsample(coarse)) + self.fine(parts), 0.1)


class Residual(nn.Module):
    """x + conv(act(conv(x))), the last convolution starting at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Conv(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(cast(Tensor, self.second.bias))

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.second(self.first(features)))


def zero_convolution(channels_in: int, channels_out: int, *, kernel: int = 3) -> nn.Conv2d:
    """A convolution that starts as the constant 0, so that an untrained network changes nothing."""
    layer = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(cast(Tensor, layer.bias))
    return layer


def full_precision(where: Tensor) -> AbstractContextManager[None]:
    """A region without autocast: keypoints and flow need more than the 8 bits of bfloat16."""
    return cast(AbstractContextManager[None], torch.autocast(where.device.type, enabled=False))


def mixed_precision(device: torch.device) -> AbstractContextManager[None]:
    """A region with autocast to bfloat16 on a GPU and on a processor that multiplies it itself.

    Elsewhere it stays in float32: torch takes 80 times as long for an emulated convolution (AMD EPYC with AVX2).
    """
    enabled = device.type != "cpu" or has_bfloat16()
    return cast(AbstractContextManager[None], torch.autocast(device.type, torch.bfloat16, enabled=enabled))


@cache
def has_bfloat16() -> bool:
    """Whether the processor itself multiplies bfloat16."""
    features = torch.cpu.get_capabilities()
    return any(features.get(name) for name in ("avx512_bf16", "amx_bf16"))


def upsample(features: Tensor, *, factor: int = 2) -> Tensor:
    """Bilinear, pixel centres aligned as in `area` downsampling."""
    return functional.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)


def resize(features: Tensor, size: int) -> Tensor:
    """Square resize of (B, C, H, W): area downwards, bilinear upwards, a no-op at the same size."""
    now = features.shape[-1]
    if now == size:
        return features
    if now > size and now % size == 0:
        return functional.avg_pool2d(features, now // size)
    if now > size:
        return functional.interpolate(features, size=(size, size), mode="area")
    return functional.interpolate(features, size=(size, size), mode="bilinear", align_corners=False)


def pixel_grid(size: int, *, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Coordinates of the pixel centres of a size x size picture in [-1, 1], (1, size, size, 2) as (x, y)."""
    centres = (torch.arange(size, device=device, dtype=dtype) * 2 + 1) / size - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack((x, y), dim=-1)[None]


def warp(picture: Tensor, flow: Tensor, *, kernel: Kernel = "bilinear") -> Tensor:
    """Backward warp: out(x) = picture(x + flow(x)).

    picture (B, C, H, W); flow (B, 2, h, w) in units of half the picture side, brought to (H, W) bilinearly.
    Zero flow returns the picture unchanged up to rounding. A bicubic kernel (Keys, 1981, with a = -0.75) keeps the
    detail that a bilinear one blurs between pixels; for features it is not worth its time.
    """
    return sample(picture, resize(flow.float(), picture.shape[-1]).permute(0, 2, 3, 1), kernel=kernel)


def sample(picture: Tensor, field: Tensor, *, kernel: Kernel = "bilinear") -> Tensor:
    """The same by a field (B, H, W, 2) that has the picture's own size."""
    grid = pixel_grid(picture.shape[-1], device=picture.device) + field
    # In float32 whatever the features are: bfloat16 coordinates would be off by whole pixels.
    moved = functional.grid_sample(picture.float(), grid, mode=kernel, padding_mode="border", align_corners=False)
    return moved.to(picture.dtype)
