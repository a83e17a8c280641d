"""Stage 9, dense motion: the keypoints of reference and driving frame -> warping field, occlusion map.

Every keypoint offers a candidate flow that moves its neighbourhood with it (first-order motion, Siarohin et al.,
NeurIPS 2019), the background offers no motion, and a small U-Net at 64x64 mixes them. The mix starts from the distance
to the keypoints, so that even the untrained network interpolates. Equal keypoints give a flow of exactly zero: still
scenes stay pixel-exact.
"""

import torch
from torch import Tensor, nn

from codec.motion import FREE_POINTS, KEYPOINTS, head_affine
from codec.networks.layers import Conv, Residual, full_precision, pixel_grid, resize, upsample, warp, zero_convolution

FLOW_SIZE = 64
_REACH = 0.15  # of a keypoint, in halves of the picture side
_BOUND = 5.0  # of the learnt logits: an unbounded mix can collapse to the background, where no gradient leads back
_BACKGROUND_DISTANCE = 0.55  # beyond this distance from every keypoint the untrained mix stands still


class DenseMotion(nn.Module):
    """(keypoints, motions, reference picture) -> flow (B, 2, 64, 64), occlusion (B, 1, 64, 64) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = Conv(2 * KEYPOINTS + 3 + 3 + 2, 48, stride=2)
        self.level32 = nn.Sequential(Residual(48), Residual(48))
        self.down16 = Conv(48, 72, stride=2)
        self.level16 = nn.Sequential(Residual(72), Residual(72))
        self.down8 = Conv(72, 96, stride=2)
        self.level8 = nn.Sequential(Residual(96), Residual(96), Residual(96))
        self.up16 = Conv(96 + 72, 72)
        self.up32 = Conv(72 + 48, 48)
        self.up64 = Conv(48 + 8, 32)
        self.logits = zero_convolution(32, KEYPOINTS + 1)
        self.occlusion = zero_convolution(32, 1)

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
            affine = head_affine(reference_motion, driving_motion)
            shifts = _shifts(reference_points[..., :2], driving_points[..., :2], affine)
            before, now = _distances(reference_points[..., :2]), _distances(driving_points[..., :2])
            prior = _prior_logits(now)
            first = _mix(shifts, affine, prior)
            heat = torch.exp(-now / _REACH**2)
            looks = torch.cat((picture, warp(picture, first), first * 4), 1)
            features = torch.cat((heat, torch.exp(-before / _REACH**2) - heat, looks), 1)
        hidden = self._unet(features, looks)
        logits = _BOUND * torch.tanh(self.logits(hidden).float() / _BOUND)
        with full_precision(reference):
            flow = _mix(shifts, affine, prior + logits)
        return flow, torch.sigmoid(self.occlusion(hidden).float() + 2)

    def _unet(self, features: Tensor, detail: Tensor) -> Tensor:
        at32 = self.level32(self.enter(features))
        at16 = self.level16(self.down16(at32))
        at8 = self.level8(self.down8(at16))
        up16 = self.up16(torch.cat((upsample(at8), at16), 1))
        up32 = self.up32(torch.cat((upsample(up16), at32), 1))
        hidden: Tensor = self.up64(torch.cat((upsample(up32), detail.to(up32.dtype)), 1))
        return hidden


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


def _mix(shifts: Tensor, affine: Tensor, logits: Tensor) -> Tensor:
    """Σ_k m_k (T_k(x) - x), (B, 2, h, w), the background's share being 0.

    All head candidates share A, so the sum is Σ m_k c_k plus their joint weight times x (A - I): the K + 1 candidate
    fields are never built.
    """
    weights = torch.softmax(logits, 1)
    points = shifts.shape[1]
    moved = torch.einsum("bki,bkhw->bihw", shifts, weights[:, :points])
    head = weights[:, : points - FREE_POINTS].sum(1, keepdim=True)
    identity = torch.eye(2, device=affine.device)
    turn = pixel_grid(FLOW_SIZE, device=affine.device) @ (affine - identity)[:, None]  # (B, h, w, 2)
    return moved + head * turn.permute(0, 3, 1, 2)
