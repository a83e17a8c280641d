"""Stage 9, window generator: mouth or eye from warped candidates and the outlines that the landmarks draw.

It shows what no held reference has: an opened mouth, a closed lid. In: three candidates (the picture that the window is
drawn into, and two references warped to the target's landmarks) and, for the target and either reference, two outlines
each (outer and inner lips; lids and iris). Out: how much of each candidate to take at every pixel, and what to add: the
blend itself happens at the picture's own resolution, so that what is sharp stays sharp. .06 GMAC for the mouth at
80x64, .02 for an eye at 48x32.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.networks.layers import upsample

CANDIDATES = 3
INPUTS = 3 * CANDIDATES + 6
OUTPUTS = CANDIDATES + 3
_CHANNELS = (16, 36, 72)


class _Block(nn.Module):
    """x + conv(SiLU(conv(SiLU(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        with torch.no_grad():
            self.second.weight *= 0.3

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.second(functional.silu(self.first(functional.silu(features)))))


class WindowGenerator(nn.Module):
    """A U-Net of three scales, its last step a pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = _CHANNELS
        self.enter = nn.Conv2d(INPUTS, fine, 4, 2, 1)
        self.fine = _Block(fine)
        self.down = nn.Conv2d(fine, middle, 4, 2, 1)
        self.middle = _Block(middle)
        self.deeper = nn.Conv2d(middle, coarse, 4, 2, 1)
        self.coarse = nn.Sequential(_Block(coarse), _Block(coarse))
        self.from_coarse = nn.Conv2d(coarse, middle, 1)
        self.middle_again = _Block(middle)
        self.from_middle = nn.Conv2d(middle, fine, 1)
        self.fine_again = _Block(fine)
        self.leave = nn.Conv2d(fine, 4 * (OUTPUTS), 3, 1, 1)
        with torch.no_grad():
            self.leave.weight *= 0.1
            cast(Tensor, self.leave.bias).zero_()

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, INPUTS, H, W), pictures in [-1, 1], outlines in [0, 1] -> (B, OUTPUTS, H, W): shares, what to add."""
        fine = self.fine(self.enter(inputs))
        middle = self.middle(self.down(fine))
        coarse = self.coarse(self.deeper(middle))
        middle = self.middle_again(middle + upsample(self.from_coarse(coarse)))
        fine = self.fine_again(fine + upsample(self.from_middle(middle)))
        out = functional.pixel_shuffle(self.leave(fine), 2).float()
        add, logits, strength = out[:, :3], out[:, 3:5], out[:, 5:]
        logits = 2 * logits + torch.tensor([-1.0, 1.0], device=out.device)[:, None, None]
        shares = torch.cat((logits, torch.zeros_like(strength)), 1).softmax(1)
        return torch.cat((shares, add * torch.sigmoid(2 * strength - 1)), 1)


def blend(outputs: Tensor, candidates: Tensor) -> Tensor:
    """Outputs (B, OUTPUTS, H, W) and candidates (B, 9, H, W) -> pictures (B, 3, H, W), about [-1, 1]."""
    total = outputs[:, CANDIDATES:]
    for index in range(CANDIDATES):
        total = total + outputs[:, index : index + 1] * candidates[:, 3 * index : 3 * index + 3]
    return total


class WindowNetworks(nn.Module):
    """Both, by the names that their tensors have in a weight file; left eyes are drawn as right ones."""

    def __init__(self) -> None:
        super().__init__()
        self.mouth = WindowGenerator()
        self.eye = WindowGenerator()
