"""Training, losses: flow against the teacher, pictures at several scales, and a perceptual distance by path."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.errors import WeightsError
from codec.networks.layers import resize, warp
from codec.training.data.optical_flow import MEASURED_SIZE
from codec.training.data.pairs import PairBatch


def flow_loss(flow: Tensor, pair: PairBatch) -> Tensor:
    """Robust distance to the teacher where the teacher is right, and how well the warp looks, at 128x128.

    flow (B, 2, h, w). The Charbonnier norm keeps the teacher's outliers from ruling.
    """
    wide = resize(flow, MEASURED_SIZE)
    difference = (wide - pair.flow).square().sum(1, keepdim=True)
    against_teacher = ((difference + 1e-5).sqrt() * pair.confidence).mean()
    return 10 * against_teacher + 5 * warp_loss(wide, pair)


def warp_loss(flow: Tensor, pair: PairBatch) -> Tensor:
    """L1 of the warped reference at 128x128 and 32x32."""
    before, after = resize(pair.reference, MEASURED_SIZE), resize(pair.driving, MEASURED_SIZE)
    difference = warp(before, flow) - after
    return difference.abs().mean() + functional.avg_pool2d(difference, 4).abs().mean()


def picture_loss(generated: Tensor, target: Tensor) -> Tensor:
    """L1 at four scales plus L1 of the gradients, which keeps edges sharp."""
    difference = generated - target
    loss = difference.abs().mean()
    for _ in range(3):
        difference = functional.avg_pool2d(difference, 2)
        loss = loss + difference.abs().mean()
    across = (generated[..., 1:] - generated[..., :-1]) - (target[..., 1:] - target[..., :-1])
    down = (generated[..., 1:, :] - generated[..., :-1, :]) - (target[..., 1:, :] - target[..., :-1, :])
    return loss + across.abs().mean() + down.abs().mean()


class SqueezeDistance(nn.Module):
    """LPIPS on SqueezeNet (Zhang et al., CVPR 2018) from two files that the user names.

    The folder holds `squeeze.backbone.pth` (torchvision's `squeezenet1_1`) and `lin_v0.1_squeeze.pth`. WeightsError
    when they are missing. Evaluation uses another network, so that training does not game its own metric.
    `taps`: how many of its seven layers to look at; the first three are enough for small windows.
    """

    _POOL_BEFORE = (3, 6, 9)
    _TAPS = (0, 4, 7, 9, 10, 11, 12)

    def __init__(self, folder: Path, *, taps: int = 7) -> None:
        super().__init__()
        try:
            backbone = torch.load(folder / "squeeze.backbone.pth", map_location="cpu", weights_only=True)
            linear = torch.load(folder / "lin_v0.1_squeeze.pth", map_location="cpu", weights_only=True)
        except OSError as error:
            raise WeightsError(f"no perceptual network in {folder}: {error}") from error
        self._taps = self._TAPS[:taps]
        self._backbone: dict[str, Tensor] = dict(backbone)
        self._linear = [value.flatten()[None, :, None, None] for _, value in sorted(linear.items())]
        self._shift = torch.tensor((-0.030, -0.088, -0.188))[None, :, None, None]
        self._scale = torch.tensor((0.458, 0.448, 0.450))[None, :, None, None]

    def to_device(self, device: torch.device) -> "SqueezeDistance":
        self._backbone = {key: value.to(device) for key, value in self._backbone.items()}
        self._linear = [value.to(device) for value in self._linear]
        self._shift, self._scale = self._shift.to(device), self._scale.to(device)
        return self

    def forward(self, generated: Tensor, target: Tensor) -> Tensor:
        """Both (B, 3, H, W) in [0, 1] -> mean distance."""
        with torch.no_grad():
            wanted = self._features(target)
        total = torch.zeros((), device=generated.device)
        for ours, theirs, weight in zip(self._features(generated), wanted, self._linear[: len(wanted)], strict=True):
            difference = functional.normalize(ours.float(), dim=1) - functional.normalize(theirs.float(), dim=1)
            total = total + (difference.square() * weight).sum(1).mean()
        return total

    def _features(self, picture: Tensor) -> list[Tensor]:
        hidden = (picture * 2 - 1 - self._shift) / self._scale
        hidden = functional.relu(self._convolve("0", hidden, stride=2))
        taps = [hidden]
        for fire in (3, 4, 6, 7, 9, 10, 11, 12):
            if fire in self._POOL_BEFORE:
                hidden = functional.max_pool2d(hidden, 3, 2, ceil_mode=True)
            squeezed = functional.relu(self._convolve(f"{fire}.squeeze", hidden))
            narrow = functional.relu(self._convolve(f"{fire}.expand1x1", squeezed))
            wide = functional.relu(self._convolve(f"{fire}.expand3x3", squeezed, padding=1))
            hidden = torch.cat((narrow, wide), 1)
            if fire in self._taps:
                taps.append(hidden)
            if len(taps) == len(self._taps):
                break
        return taps

    def _convolve(self, name: str, hidden: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
        prefix = next(key for key in (f"{name}.", f"features.{name}.") if f"{key}weight" in self._backbone)
        weight, bias = self._backbone[f"{prefix}weight"], self._backbone[f"{prefix}bias"]
        return functional.conv2d(hidden, weight, bias, stride=stride, padding=padding)
