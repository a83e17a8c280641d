"""Stage 3, pose: the equation of codec.motion on tensors, x = s (x̄ R + δ) + t, and the head's rigid motion."""

import torch
from torch import Tensor

from codec.motion.parameters import POSE_NUMBERS


def rotation_matrix(angles: Tensor) -> Tensor:
    """Yaw, pitch, roll (B, 3) in radians -> R (B, 3, 3), to be applied from the right: x̄ R."""
    yaw, pitch, roll = angles.unbind(-1)
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    cy, sy, cp, sp, cr, sr = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin(), roll.cos(), roll.sin()
    about_y = torch.stack((cy, zero, -sy, zero, one, zero, sy, zero, cy), -1).view(-1, 3, 3)
    about_x = torch.stack((one, zero, zero, zero, cp, sp, zero, -sp, cp), -1).view(-1, 3, 3)
    about_z = torch.stack((cr, sr, zero, -sr, cr, zero, zero, zero, one), -1).view(-1, 3, 3)
    return about_y @ about_x @ about_z


def keypoints(motion: Tensor, *, canonical: Tensor, basis: Tensor) -> Tensor:
    """x_k = s (x̄_k R + δ_k) + t.

    motion (B, MOTION_NUMBERS), canonical (B, K, 3), basis (C, K, 3) -> (B, K, 3).
    """
    rotation = rotation_matrix(motion[:, :3])
    scale = motion[:, 3].exp()[:, None, None]
    translation = torch.cat((motion[:, 4:6], torch.zeros_like(motion[:, :1])), -1)[:, None]
    deltas = torch.einsum("bc,ckd->bkd", motion[:, POSE_NUMBERS:], basis) @ rotation
    return scale * (canonical @ rotation + deltas) + translation


def head_affine(reference: Tensor, driving: Tensor) -> Tensor:
    """The 2x2 part of the head's rigid motion from driving to reference, (B, 2, 2), applied from the right.

    It is face-vid2vid's local Jacobian R_d^-1 R_r for all keypoints, scaled by s_r / s_d; equal motions give I.
    """
    turn = rotation_matrix(driving[:, :3]).transpose(1, 2) @ rotation_matrix(reference[:, :3])
    ratio = (reference[:, 3] - driving[:, 3]).exp()[:, None, None]
    return ratio * turn[:, :2, :2]
