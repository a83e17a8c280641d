"""Stage 9, dense motion: the keypoints of reference and driving frame -> warping field, occlusion map.

Every keypoint offers a candidate flow that moves its neighbourhood with it (first-order motion, Siarohin et al.,
NeurIPS 2019), the background offers no motion, and a small U-Net mixes them. The mix starts from the distance to the
keypoints, so that even the untrained network interpolates. Equal keypoints give a flow of exactly zero: still scenes
stay pixel-exact.

The U-Net judges at 32x32, .1 GMAC: what edges the field has at 64x64 come from its refinement (flow_refinement.py).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from codec.motion.parameters import FLOW_SIZE, FREE_POINTS, KEYPOINTS
from codec.networks.layers import Conv, Residual, full_precision, pixel_grid, resize, upsample, warp, zero_convolution
from codec.networks.pose import head_affine

_REACH = 0.15  # of a keypoint, in halves of the picture side
_BOUND = 5.0  # of the learnt logits: an unbounded mix can collapse to the background, where no gradient leads back
_BACKGROUND_DISTANCE = 0.55  # beyond this distance from every keypoint the untrained mix stands still


class Candidates(NamedTuple):
    """What the networks judge the candidates by, and what the mix is made of."""

    features: Tensor  # (B, 2 K + 8, 64, 64)
    shifts: Tensor  # (B, K, 2)
    affine: Tensor  # (B, 2, 2)
    prior: Tensor  # (B, K + 1, 64, 64)


class DenseMotion(nn.Module):
    """(keypoints, motions, reference picture) -> flow (B, 2, 64, 64), occlusion (B, 1, 64, 64) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = Conv(2 * KEYPOINTS + 3 + 3 + 2, 32, stride=2)
        self.level32 = Residual(32)
        self.down16 = Conv(32, 48, stride=2)
        self.level16 = Residual(48)
        self.down8 = Conv(48, 64, stride=2)
        self.level8 = nn.Sequential(Residual(64), Residual(64))
        self.up16 = Conv(64 + 48, 48)
        self.up32 = Conv(48 + 32, 32)
        self.leave = zero_convolution(32, KEYPOINTS + 2)  # logits, then the occlusion map

    def forward(
        self,
        reference: Tensor,
        *,
        reference_points: Tensor,
        reference_motion: Tensor,
        driving_points: Tensor,
        driving_motion: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """reference (B, 3, H, W) in [0, 1]; points (B, K, 3); motions (B, MOTION_NUMBERS)."""
        picture = resize(reference, FLOW_SIZE)
        with full_precision(reference):
            candidates = self.look(
                picture,
                before=heat(reference_points),
                reference_points=reference_points,
                reference_motion=reference_motion,
                driving_points=driving_points,
                driving_motion=driving_motion,
            )
        logits, occlusion = self.judge(candidates.features)
        with full_precision(reference):
            return mix(candidates.shifts, candidates.affine, candidates.prior + logits), occlusion

    @staticmethod
    def look(
        picture: Tensor,
        *,
        before: Tensor,
        reference_points: Tensor,
        reference_motion: Tensor,
        driving_points: Tensor,
        driving_motion: Tensor,
    ) -> Candidates:
        """What there is to judge by; picture (B, 3, 64, 64), before (B, K, 64, 64) the heat of the reference points."""
        affine = head_affine(reference_motion, driving_motion)
        shifts = _shifts(reference_points[..., :2], driving_points[..., :2], affine)
        distances = _distances(driving_points[..., :2])
        prior = _prior_logits(distances)
        first = mix(shifts, affine, prior)
        now = torch.exp(-distances / _REACH**2)
        looks = torch.cat((picture, warp(picture, first), first * 4), 1)
        return Candidates(torch.cat((now, before - now, looks), 1), shifts, affine, prior)

    def judge(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K + 1, 64, 64) that correct the prior, and the occlusion map (B, 1, 64, 64)."""
        at32 = self.level32(self.enter(features))
        at16 = self.level16(self.down16(at32))
        at8 = self.level8(self.down8(at16))
        up16 = self.up16(torch.cat((upsample(at8), at16), 1))
        up32 = self.up32(torch.cat((upsample(up16), at32), 1))
        both = upsample(self.leave(up32).float())
        logits, occlusion = both[:, : KEYPOINTS + 1], both[:, KEYPOINTS + 1 :]
        return _BOUND * torch.tanh(logits / _BOUND), torch.sigmoid(occlusion + 2)


def heat(points: Tensor) -> Tensor:
    """A bump about each point (B, K, 3), (B, K, 64, 64)."""
    return torch.exp(-_distances(points[..., :2]) / _REACH**2)


def _shifts(reference: Tensor, driving: Tensor, affine: Tensor) -> Tensor:
    """c_k of the candidates T_k(x) = x_ref_k + (x - x_drv_k) A_k = c_k + x A_k, (B, K, 2); A_k = I for free points."""
    head = reference[:, :-FREE_POINTS] - driving[:, :-FREE_POINTS] @ affine
    return torch.cat((head, reference[:, -FREE_POINTS:] - driving[:, -FREE_POINTS:]), 1)


def _distances(points: Tensor) -> Tensor:
    """Squared distance of each pixel to each point, (B, K, h, w)."""
    centres = pixel_grid(FLOW_SIZE, device=points.device)[0, 0, :, 0]
    across = (centres - points[..., :1]).square()  # (B, K, w)
    down = (centres - points[..., 1:]).square()
    return across[:, :, None, :] + down[:, :, :, None]


def _prior_logits(distances: Tensor) -> Tensor:
    background = torch.full_like(distances[:, :1], -(_BACKGROUND_DISTANCE**2))
    return torch.cat((-distances, background), 1) / (2 * _REACH**2)


def mix(shifts: Tensor, affine: Tensor, logits: Tensor) -> Tensor:
    """Σ_k m_k (T_k(x) - x), (B, 2, h, w), the background's share being 0.

    All head candidates share A, so the sum is Σ m_k c_k plus their joint weight times x (A - I): the K + 1 candidate
    fields are never built, and both sums are one product of matrices.
    """
    batch, _, height, width = logits.shape
    weights = torch.softmax(logits, 1)[:, :-1].flatten(2)
    on_head = torch.ones_like(shifts[..., :1])
    on_head[:, -FREE_POINTS:] = 0
    sums = (torch.cat((shifts, on_head), 2).transpose(1, 2) @ weights).view(batch, 3, height, width)
    turn = pixel_grid(FLOW_SIZE, device=affine.device) @ (affine - torch.eye(2, device=affine.device))[:, None]
    return torch.as_tensor(sums[:, :2] + sums[:, 2:] * turn.permute(0, 3, 1, 2))
