"""Stage 3, expression: landmarks <-> pose and expression, x = s (x̄ R + δ R) + t.

x̄ (112, 3) are a person's canonical landmarks: those of the reference with its pose taken out, which both ends compute
from the decoded picture, so that they cost no bits. A frame's *face numbers* are

    0..2   yaw, pitch, roll in radians
    3      log scale s, in pixels of a 256x256 picture to one io
    4..5   translation t in such pixels
    6..    expression coefficients c; δ = Σ_j c_j B_j, with B (C, 112, 3) an orthonormal basis learnt over people

R, s and t are the similarity (Umeyama, 1991) of the points that keep their place on the skull. The basis comes from a
principal component analysis of what is left, lids and irises weighed above lips, lips above the rest.
"""

from dataclasses import dataclass

import numpy as np

from codec.motion.landmarks import LANDMARKS, RIGID
from codec.units import Floats

__all__ = ["COEFFICIENTS", "FACE_NUMBERS", "POSE", "FaceShape", "Person", "angles_of", "rotation_matrix", "similarity"]

POSE = 6
COEFFICIENTS = 24
FACE_NUMBERS = POSE + COEFFICIENTS
PICTURE_SIDE = 256.0  # of the pictures whose pixels translation and scale are told in


def similarity(source: Floats, target: Floats) -> tuple[float, Floats, Floats]:
    """Least-squares target ≈ s source R + t, (P, 3) both: s, R (3, 3), t (3,)."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    source, target = source - source_mean, target - target_mean
    u, sigma, vt = np.linalg.svd(source.T @ target)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    scale = float((sigma * flip).sum() / (source**2).sum())
    return scale, rotation, target_mean - scale * source_mean @ rotation


def rotation_matrix(angles: Floats) -> Floats:
    """Yaw, pitch, roll (3,) in radians -> R (3, 3), to be applied from the right."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def angles_of(rotation: Floats) -> Floats:
    """The inverse of rotation_matrix: yaw, pitch, roll (3,)."""
    # With R = Ry Rx Rz, roll does not touch the last column, and yaw not the middle row.
    pitch = np.arcsin(np.clip(rotation[1, 2], -1, 1))
    yaw = np.arctan2(-rotation[0, 2], rotation[2, 2])
    roll = np.arctan2(-rotation[1, 0], rotation[1, 1])
    return np.array([yaw, pitch, roll], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FaceShape:
    """What is learnt over people: mean (112, 3) in io, basis (C, 112, 3), weight (112,) of the points' errors."""

    mean: Floats
    basis: Floats
    weight: Floats

    def person(self, landmarks: Floats, *, side: int) -> "Person":
        """Landmarks (112, 3) of a reference, in pixels of a picture of that side -> its person."""
        pixels = landmarks * (PICTURE_SIDE / side)
        scale, rotation, shift = similarity(self.mean[RIGID], pixels[RIGID])
        canonical = (pixels - shift) @ rotation.T / scale
        own = np.zeros(FACE_NUMBERS, np.float32)
        own[:POSE] = (*angles_of(rotation), np.log(scale), *shift[:2])
        return Person(self, canonical.astype(np.float32), own, side)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A face as one reference shows it: canonical landmarks (112, 3) in io, and its own face numbers."""

    shape: FaceShape
    canonical: Floats
    own: Floats
    side: int

    def numbers(self, landmarks: Floats) -> Floats:
        """Landmarks (112, 3) of another picture of the person, of the same side -> face numbers."""
        pixels = landmarks * (PICTURE_SIDE / self.side)
        scale, rotation, shift = similarity(self.canonical[RIGID], pixels[RIGID])
        deltas = (pixels - shift) @ rotation.T / scale - self.canonical
        weighed = deltas * self.shape.weight[:, None]
        found = np.zeros(FACE_NUMBERS, np.float32)
        found[:POSE] = (*angles_of(rotation), np.log(scale), *shift[:2])
        found[POSE:] = self.shape.basis.reshape(COEFFICIENTS, -1) @ weighed.reshape(-1)
        return found

    def landmarks(self, numbers: Floats) -> Floats:
        """Face numbers -> landmarks (112, 3) in pixels; z up to a shift."""
        deltas = (numbers[POSE:] @ self.shape.basis.reshape(COEFFICIENTS, -1)).reshape(LANDMARKS, 3)
        points = self.canonical + deltas / self.shape.weight[:, None]
        placed = np.exp(numbers[3]) * points @ rotation_matrix(numbers[:3])
        placed[:, :2] += numbers[4:POSE]
        return np.asarray(placed * (self.side / PICTURE_SIDE), np.float32)
