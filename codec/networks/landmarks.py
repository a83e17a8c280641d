"""Stage 3, landmark networks: a face's 112 points from a tight crop, and those of mouth and eyes refined at full size.

`LandmarkNetwork` sees the whole face at 128x128, where a lid is four pixels high; `Refinement` looks again at a window
about mouth or eye, cut at the picture's own resolution from where the first has put it. Only convolutions, SiLU and
matrix products: batch normalisation serves training and is folded into the convolutions by `fused`.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.motion.face_windows import EYE, MOUTH
from codec.motion.landmarks import LANDMARKS
from codec.motion.tracking import CROP_SIZE

FACE_SIZE = CROP_SIZE
MOUTH_SIZE, EYE_SIZE = (MOUTH.width, MOUTH.height), (EYE[0].width, EYE[0].height)
MOUTH_POINTS, EYE_POINTS = len(MOUTH.shape), len(EYE[0].shape)


class NormalConv(nn.Module):
    """3x3 convolution and, while it is trained, batch normalisation; SiLU unless told otherwise."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1, active: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 3, stride, 1)
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(channels_out)
        self._active = active

    def forward(self, features: Tensor) -> Tensor:
        features = self.convolution(features)
        if self.norm is not None:
            features = self.norm(features)
        return functional.silu(features) if self._active else features

    @torch.no_grad()
    def fuse(self) -> None:
        """Folds the running statistics into the convolution."""
        norm, convolution = self.norm, self.convolution
        if norm is None:
            return
        assert norm.running_mean is not None
        assert norm.running_var is not None
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        bias = cast(Tensor, convolution.bias)
        convolution.weight *= gain[:, None, None, None]
        bias.copy_((bias - norm.running_mean) * gain + norm.bias)
        self.norm = None


class NormalResidual(nn.Module):
    """SiLU(x + conv(conv(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = NormalConv(channels, channels)
        self.second = NormalConv(channels, channels, active=False)

    def forward(self, features: Tensor) -> Tensor:
        return functional.silu(features + self.second(self.first(features)))


class _PointNetwork(nn.Module):
    """A stack of convolutions, then two matrix products to the coordinates."""

    def __init__(self, layers: list[nn.Module], *, flat: int, hidden: int, points: int, axes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.hidden = nn.Linear(flat, hidden)
        self.dropout = nn.Dropout(0.1)
        self.out = nn.Linear(hidden, points * axes)
        self._shape = (-1, points, axes)
        with torch.no_grad():
            self.out.weight *= 0.1

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> points (B, P, axes), the crop spanning [-1, 1]."""
        hidden = self.dropout(functional.silu(self.hidden(self.features(picture).flatten(1))))
        return cast(Tensor, self.out(hidden)).float().view(self._shape)


class LandmarkNetwork(_PointNetwork):
    """112 points (x, y, z) from the face at 128x128: .10 GMAC."""

    def __init__(self) -> None:
        conv, residual = NormalConv, NormalResidual
        layers = [
            *(conv(3, 16, stride=2), conv(16, 32, stride=2), residual(32)),
            *(conv(32, 64, stride=2), residual(64), residual(64)),
            *(conv(64, 96, stride=2), residual(96), residual(96)),
            *(conv(96, 128, stride=2), residual(128)),
        ]
        super().__init__(layers, flat=128 * 16, hidden=256, points=LANDMARKS, axes=3)


class Refinement(_PointNetwork):
    """The points of a window about the mouth (40) or an eye (16 of the lids and the iris): .03 and .01 GMAC."""

    def __init__(self, size: tuple[int, int], *, points: int) -> None:
        conv, residual = NormalConv, NormalResidual
        layers = [
            *(conv(3, 16, stride=2), residual(16)),
            *(conv(16, 32, stride=2), residual(32)),
            *(conv(32, 64, stride=2), residual(64), residual(64)),
            *(conv(64, 80, stride=2), residual(80)),
        ]
        flat = 80 * (size[0] // 16) * (size[1] // 16)
        super().__init__(layers, flat=flat, hidden=160, points=points, axes=2)


class FaceNetworks(nn.Module):
    """All networks that find landmarks, by the names that their tensors have in a weight file."""

    def __init__(self) -> None:
        super().__init__()
        self.landmarks = LandmarkNetwork()
        self.mouth_points = Refinement(MOUTH_SIZE, points=MOUTH_POINTS)
        self.eye_points = Refinement(EYE_SIZE, points=EYE_POINTS)

    def fused(self) -> "FaceNetworks":
        """Itself, without batch normalisation, as it runs."""
        for module in self.modules():
            if isinstance(module, NormalConv):
                module.fuse()
        return self
