"""Training, faces: crops as cameras and codecs would have given them: shifted, turned, recoloured, blurred, noisy."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from codec.training.face.faces import Samples

__all__ = ["CropWidths", "Crops"]

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class CropWidths:
    """Standard deviations: turn in radians, log scale, shift in halves of the crop's sides."""

    turn: float
    scale: float
    shift: float


class Crops:
    """Batches of augmented crops of one size (width, height), mirrored by an order of the points where there is one."""

    def __init__(
        self,
        samples: Samples,
        *,
        size: tuple[int, int],
        widths: CropWidths,
        mirror: Tensor | None,
        device: torch.device = _CPU,
    ) -> None:
        self._device = device
        self._pictures = torch.from_numpy(samples.pictures).to(device)
        half = torch.tensor([size[0] / 2, size[1] / 2])
        points = torch.from_numpy(samples.points)
        self._points = torch.cat((points[..., :2] / half, points[..., 2:] / half[0]), -1).to(device)
        self._size, self._widths = size, widths
        self._mirror = None if mirror is None else mirror.to(device)
        stored = torch.tensor([samples.pictures.shape[2], samples.pictures.shape[1]])
        self._share = (torch.tensor(size) / stored).to(device)  # of the stored crop that is seen

    def __len__(self) -> int:
        return len(self._pictures)

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, H, W) in [-1, 1] and their points (B, P, axes), the crop spanning [-1, 1]."""
        chosen = torch.randint(len(self), (count,), device=self._device)
        pictures = self._pictures[chosen].permute(0, 3, 1, 2).float() / 255
        points = self._points[chosen]
        if self._mirror is not None:
            turned = torch.rand(count, device=self._device) < 0.5
            pictures[turned] = pictures[turned].flip(3)
            twins = points[turned][:, self._mirror]
            twins[..., 0] *= -1
            points[turned] = twins
        pictures, points = self._moved(pictures, points)
        return _recorded(pictures) * 2 - 1, points

    def _moved(self, pictures: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        count, (width, height) = len(pictures), self._size
        turn = torch.randn(count, device=self._device) * self._widths.turn
        scale = torch.exp(torch.randn(count, device=self._device) * self._widths.scale)
        shift = torch.randn(count, 2, device=self._device) * self._widths.shift
        aspect = height / width
        cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
        # Of the crop seen to the same unshifted, x and y in halves of its own sides.
        linear = torch.stack((torch.stack((cos, -sin * aspect), 1), torch.stack((sin / aspect, cos), 1)), 1)
        theta = torch.cat((linear, shift[..., None]), 2) * self._share[None, :, None]
        grid = functional.affine_grid(theta, [count, 3, height, width], align_corners=False)
        seen = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
        local = (points[..., :2] - shift[:, None]) @ torch.linalg.inv(linear).transpose(1, 2)
        return seen, torch.cat((local, points[..., 2:] / scale[:, None, None]), 2)


def _recorded(pictures: Tensor) -> Tensor:
    """Light and colour change, and some pictures are soft, as coded ones are, or noisy."""
    randn, rand = (partial(draw, device=pictures.device) for draw in (torch.randn, torch.rand))
    count = len(pictures)
    gain = torch.exp(randn(count, 3, 1, 1) * 0.12 + randn(count, 1, 1, 1) * 0.25)
    pictures = pictures * gain + randn(count, 1, 1, 1) * 0.05
    soft = functional.interpolate(functional.avg_pool2d(pictures, 2), scale_factor=2, mode="bilinear")
    share = rand(count, 1, 1, 1) * (rand(count, 1, 1, 1) < 0.5)
    pictures = pictures + share * (soft - pictures)
    noise = rand(count, 1, 1, 1) * 0.04 * (rand(count, 1, 1, 1) < 0.4)
    return (pictures + noise * torch.randn_like(pictures)).clamp(0, 1)
