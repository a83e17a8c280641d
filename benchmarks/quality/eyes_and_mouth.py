"""Stage 10, display (offline): where the eyes and the mouth are in a picture, to show them enlarged."""

from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.quality.face_mesh import EYE_CORNERS, MOUTH_CORNERS, Mesh
from codec.pictures.face import FaceDetector
from codec.units import Image

LEAST_WIDTH = 8  # pixels
EYES_WIDTH, MOUTH_WIDTH = 1.5, 1.2  # in inter-ocular distances


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of twice the width of its height: left, top and width in fractions of the picture's side."""

    x: float
    y: float
    width: float

    def cut(self, picture: Image, *, width: int) -> Image:
        """The piece, enlarged. # (width / 2, width, 3)"""
        side = len(picture)
        across = min(side, max(LEAST_WIDTH, round(self.width * side)))
        height = across // 2
        left = min(max(0, round(self.x * side)), side - across)
        top = min(max(0, round(self.y * side)), side - height)
        piece = picture[top : top + height, left : left + across]
        return np.asarray(cv2.resize(piece, (width, width // 2), interpolation=cv2.INTER_CUBIC), np.uint8)


@dataclass(frozen=True, slots=True)
class EyesAndMouth:
    """The two places of a face that are looked at first."""

    eyes: Place
    mouth: Place


def _about(mesh: Mesh, corners: list[int], side: int, width: float) -> Place:
    x, y = mesh.points[corners].mean(axis=0) / side
    across = width * mesh.interocular / side
    return Place(float(x) - across / 2, float(y) - across / 4, across)


def eyes_and_mouth_by_mesh(mesh: Mesh, side: int) -> EyesAndMouth:
    """By the points of a face mesh in a picture of this side."""
    eyes = [corner for eye in EYE_CORNERS for corner in eye]
    return EyesAndMouth(_about(mesh, eyes, side, EYES_WIDTH), _about(mesh, list(MOUTH_CORNERS), side, MOUTH_WIDTH))


def eyes_and_mouth_by_box(picture: Image) -> EyesAndMouth:
    """By the box of the face found; the middle of the picture where none is found."""
    face = FaceDetector().detect(picture)
    side = len(picture)
    box = (0.28 * side, 0.25 * side, 0.44 * side, 0.44 * side) if face is None else (face.x, face.y, face.w, face.h)
    x, y, width, height = (value / side for value in box)
    eyes = Place(x + 0.08 * width, y + 0.18 * height, 0.84 * width)
    mouth = Place(x + 0.2 * width, y + 0.62 * height, 0.6 * width)
    return EyesAndMouth(eyes, mouth)
