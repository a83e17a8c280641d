"""Training, augmentation: mirrored, turned, scaled, shifted and recoloured pictures, with labels that follow.

Pictures of one sample share a transform, so that what moves between them stays what it was. A mirrored face is another
face: its left eye is the right one, so labelled points change places, yaw and roll change sign, and the expression code
becomes that of the mirrored deltas.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from codec.motion.parameters import EXPRESSIONS, FREE_POINTS, KEYPOINTS, MESH_POINTS, POSE_NUMBERS
from codec.networks.layers import full_precision, pixel_grid
from codec.networks.pose import rotation_matrix
from codec.training.data.labels import rigid_fit
from codec.units import Floats

_TWINS = {61: 291, 33: 263, 133: 362, 159: 386, 145: 374, 468: 473, 105: 334, 234: 454}  # subject's right: left


def _swap() -> list[int]:
    """Which point stands where another stood after mirroring; of the free points the two shoulders change places."""
    twins = _TWINS | {left: right for right, left in _TWINS.items()}
    labelled = [MESH_POINTS.index(twins.get(point, point)) for point in MESH_POINTS]
    assert FREE_POINTS == 4, "crown, neck, two shoulders"
    return [*labelled, KEYPOINTS - 4, KEYPOINTS - 3, KEYPOINTS - 1, KEYPOINTS - 2]


SWAP = _swap()
_FLIP = (-1.0, 1.0, 1.0)  # of x, y, z
_POSE_SIGNS = (-1.0, 1.0, -1.0, 1.0, -1.0, 1.0)  # yaw, pitch, roll, scale, x, y: M Ry Rx Rz M mirrors yaw and roll


@dataclass(frozen=True, slots=True)
class Widths:
    """How far transforms reach: turn in radians, zoom as a logarithm, shift in halves of the side; share of samples."""

    turn: float
    zoom: float
    shift: float
    share: float


@dataclass(frozen=True, slots=True)
class Similarity:
    """One transform a sample, T(x) = zoom · mirror(x) · rotation + shift; each field has B rows."""

    mirrored: Tensor  # bool
    angle: Tensor
    zoom: Tensor
    shift: Tensor  # (B, 2)

    @classmethod
    def draw(cls, count: int, widths: Widths, *, random: np.random.Generator, device: torch.device) -> "Similarity":
        chosen = random.random(count) < widths.share
        numbers = random.uniform(-1, 1, (count, 4)) * (widths.turn, widths.zoom, widths.shift, widths.shift)
        values = torch.from_numpy((numbers * chosen[:, None]).astype(np.float32)).to(device)
        mirrored = torch.from_numpy(random.random(count) < 0.5).to(device)
        return cls(mirrored, values[:, 0], values[:, 1].exp(), values[:, 2:])

    @property
    def rotation(self) -> Tensor:
        """(B, 2, 2) for row vectors, as in motion.py."""
        cosine, sine = self.angle.cos(), self.angle.sin()
        return torch.stack((cosine, sine, -sine, cosine), -1).view(-1, 2, 2)

    def pictures(self, pictures: Tensor) -> Tensor:
        """out(T(x)) = in(x), (B, C, S, S)."""
        grid = pixel_grid(pictures.shape[-1], device=pictures.device) - self.shift[:, None, None]
        grid = _turned(grid, self.rotation.transpose(1, 2)) / self.zoom[:, None, None, None]
        sign = torch.where(self.mirrored, -1.0, 1.0)[:, None, None]
        grid = torch.stack((grid[..., 0] * sign, grid[..., 1]), -1)
        return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)

    def points(self, points: Tensor) -> Tensor:
        """Labelled points (B, 24, 3)."""
        points = torch.where(self.mirrored[:, None, None], mirrored_points(points), points)
        flat = self.zoom[:, None, None] * _turned(points[..., :2], self.rotation)
        return torch.cat((flat + self.shift[:, None], points[..., 2:] * self.zoom[:, None, None]), -1)

    def canonical(self, canonical: Tensor, mirror: "Mirror") -> Tensor:
        """Canonical keypoints (B, K, 3)."""
        return torch.where(self.mirrored[:, None, None], mirror.canonical(canonical), canonical)

    def motion(self, motion: Tensor, mirror: "Mirror") -> Tensor:
        """Motions (B, N)."""
        motion = torch.where(self.mirrored[:, None], mirror.motion(motion), motion)
        place = self.zoom[:, None] * _turned(motion[:, 4:6], self.rotation) + self.shift
        turned = (motion[:, :2], motion[:, 2:3] + self.angle[:, None], motion[:, 3:4] + self.zoom.log()[:, None])
        return torch.cat((*turned, place, motion[:, POSE_NUMBERS:]), 1)


def _turned(places: Tensor, rotation: Tensor) -> Tensor:
    """Row vectors (B, ..., 2) by rotations (B, 2, 2), in float32: the 8 bits of bfloat16 would be off by pixels."""
    with full_precision(places):
        return torch.einsum("b...i,bij->b...j", places, rotation)


def mirrored_points(points: Tensor) -> Tensor:
    """Points of a face (..., P, 3) -> the same points of its mirror picture; P is 24 labelled ones, or all K."""
    swap = [index for index in SWAP if index < points.shape[-2]]
    return points[..., swap, :] * torch.tensor(_FLIP, device=points.device)


@dataclass(frozen=True, slots=True)
class Mirror:
    """How motions and canonical keypoints of a face become those of its mirror picture.

    The mean shape is not quite upright in its own frame, so its mirror image is turned against it: mirrored canonical
    keypoints are turned back by Q^T, and the head's rotation takes Q in: x̄ R -> (M x̄ Q^T) (Q M R M).
    """

    turn: Tensor  # Q (3, 3)
    expressions: Tensor  # (C, C), as near as the basis can say the mirrored deltas

    @classmethod
    def of(cls, mean_shape: Floats, basis: Floats, *, device: torch.device) -> "Mirror":
        """mean_shape (K, 3), basis (C, K, 3)."""
        other = mirrored_points(torch.from_numpy(mean_shape)).numpy()
        turn = rigid_fit(other[None, : len(MESH_POINTS)], mean_shape[: len(MESH_POINTS)])[0][0]
        deltas = (mirrored_points(torch.from_numpy(basis)).numpy() @ turn.T).reshape(EXPRESSIONS, -1)
        expressions = deltas @ np.linalg.pinv(basis.reshape(EXPRESSIONS, -1), rcond=1e-6)
        parts = (torch.from_numpy(np.asarray(part, np.float32)).to(device) for part in (turn, expressions))
        return cls(*parts)

    def canonical(self, canonical: Tensor) -> Tensor:
        """(B, K, 3)."""
        with full_precision(canonical):
            return mirrored_points(canonical) @ self.turn.T

    def motion(self, motion: Tensor) -> Tensor:
        """(B, N)."""
        pose = motion[:, :POSE_NUMBERS] * torch.tensor(_POSE_SIGNS, device=motion.device)
        with full_precision(motion):
            rotation = self.turn @ rotation_matrix(pose[:, :3])
            code = motion[:, POSE_NUMBERS:] @ self.expressions
        angles = torch.stack(  # as in labels.angles_of
            (
                torch.atan2(-rotation[:, 0, 2], rotation[:, 2, 2]),
                torch.asin(rotation[:, 1, 2].clamp(-1, 1)),
                torch.atan2(-rotation[:, 1, 0], rotation[:, 1, 1]),
            ),
            1,
        )
        return torch.cat((angles, pose[:, 3:], code), 1)


def colour_gain(count: int, *, width: float, random: np.random.Generator, device: torch.device) -> Tensor:
    """A gain a channel for each sample, (B, 3, 1, 1): identities are few, lights and skins are not."""
    gain = random.uniform(1 - width, 1 + width, (count, 3, 1, 1))
    return torch.from_numpy(gain.astype(np.float32)).to(device)


def random_warp(count: int, *, random: np.random.Generator, device: torch.device) -> Tensor:
    """Smooth warping fields (B, 2, 64, 64) about as large as a talking head's: a similarity and a few soft bumps."""
    numbers = random.normal(0, 1, (count, 4)) * (0.06, 0.04, 0.04, 0.03)
    angle, zoom, *shift = torch.from_numpy(numbers.astype(np.float32)).to(device).unbind(1)
    x, y = pixel_grid(64, device=device)[0].unbind(-1)
    turn, grow = angle[:, None, None], zoom[:, None, None]
    whole = torch.stack((grow * x - turn * y, turn * x + grow * y), 1) + torch.stack(shift, 1)[..., None, None]
    field = whole * _bump(x, y, random, count, device)
    for side, width in ((4, 0.03), (8, 0.012)):
        loud = random.uniform(0, width, (count, 1, 1, 1))
        soft = torch.from_numpy((random.normal(0, 1, (count, 2, side, side)) * loud).astype(np.float32)).to(device)
        field = field + functional.interpolate(soft, size=(64, 64), mode="bicubic", align_corners=False)
    return field


def _bump(x: Tensor, y: Tensor, random: np.random.Generator, count: int, device: torch.device) -> Tensor:
    """1 on a head in the middle, falling to 0 at the border for half of the samples: backgrounds stand still."""
    head = torch.exp(-((x / 0.6) ** 4) - ((y / 0.7) ** 4))
    still = torch.from_numpy(random.random(count) < 0.5).to(device)[:, None, None, None]
    return torch.where(still, head, torch.ones_like(head))
