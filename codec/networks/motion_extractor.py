"""Stage 3, motion extractor: a picture -> canonical keypoints and the motion vector of codec.motion.

About 0.05 GMAC at its fixed 128x128 input, whatever the size of the call.
"""

import torch
from torch import Tensor, nn

from codec.motion.parameters import EXPRESSIONS, KEYPOINTS, MOTION_NUMBERS
from codec.networks.layers import Conv, Residual, resize
from codec.networks.pose import keypoints

INPUT_SIZE = 128


class MotionExtractor(nn.Module):
    """Regresses x̄ as an offset from a mean shape and (R, s, t, e) from one pooled feature vector."""

    mean_shape: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Conv(3, 16, stride=2),
            Conv(16, 32, stride=2),
            Conv(32, 64, stride=2),
            Residual(64),
            Residual(64),
            Conv(64, 96, stride=2),
            Residual(96),
            Residual(96),
            Conv(96, 128, stride=2),
            Residual(128),
            Residual(128),
        )
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(128 * 16, 256), nn.LeakyReLU(0.1))
        self.motion = nn.Linear(256, MOTION_NUMBERS)
        self.identity = nn.Linear(256, KEYPOINTS * 3)
        self.basis = nn.Parameter(torch.zeros(EXPRESSIONS, KEYPOINTS, 3))
        self.register_buffer("mean_shape", torch.zeros(KEYPOINTS, 3))
        for head in (self.motion, self.identity):
            nn.init.normal_(head.weight, std=0.005)
            nn.init.zeros_(head.bias)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) in [0, 1] -> canonical keypoints (B, K, 3), motion (B, MOTION_NUMBERS)."""
        hidden = self.hidden(self.stem(resize(picture, INPUT_SIZE) * 2 - 1))
        canonical = self.mean_shape + self.identity(hidden).view(-1, KEYPOINTS, 3)
        return canonical.float(), self.motion(hidden).float()

    def keypoints(self, motion: Tensor, canonical: Tensor) -> Tensor:
        """x (B, K, 3) of a motion with the learnt expression basis."""
        return keypoints(motion, canonical=canonical, basis=self.basis)
