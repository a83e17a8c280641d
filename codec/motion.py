"""Stage 3, motion: canonical keypoints, rotation, translation, scale, expression; x = s (x̄ R + δ) + t.

A frame's motion is one vector of `MOTION_NUMBERS` numbers, in this order:

    0..2   yaw, pitch, roll in radians
    3      log scale s
    4..5   translation t, in halves of the picture side
    6..    expression code e; the expression deltas are δ = (Σ_j e_j E_j) R, with E (C, K, 3) a learnt basis

The low-rank basis E is what makes δ cheap: 20 numbers stand for 28 x 3 deltas. Canonical keypoints x̄ (K, 3) are
sent once per keyframe. Coordinates are x right, y down, z away from the camera, the picture spanning [-1, 1].
"""

import torch
from torch import Tensor

KEYPOINTS = 28
EXPRESSIONS = 20
POSE_NUMBERS = 6
MOTION_NUMBERS = POSE_NUMBERS + EXPRESSIONS

# The first 24 keypoints are trained towards these points of the 478-point face mesh; the last four are free
# (crown, neck, shoulders) and learn from the pictures alone.
MESH_POINTS = (
    *(61, 291, 0, 17, 13, 14),  # lip corners, outer middle, inner middle
    *(33, 133, 159, 145, 263, 362, 386, 374),  # eye corners and lids
    *(468, 473),  # irises
    *(105, 334),  # brows
    *(10, 152, 234, 454),  # forehead, chin, sides of the face
    *(1, 168),  # nose tip and bridge
)
FEATURE_POINTS = 16  # the lips, eyes and irises of them
FREE_POINTS = KEYPOINTS - len(MESH_POINTS)


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
