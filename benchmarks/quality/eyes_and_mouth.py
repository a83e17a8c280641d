"""Stage 10, display (offline): where the eyes and the mouth are in a picture, to show them enlarged."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.clip import Pictures
from benchmarks.quality.expression import LIPS, Points
from benchmarks.quality.face_mesh import EYE_CORNERS, MOUTH_CORNERS, OUTER_EYE_CORNERS, Mesh
from codec.pictures.face import FaceDetector
from codec.units import Image

LEAST_WIDTH = 8  # pixels
EYES_WIDTH, MOUTH_WIDTH = 1.5, 1.2  # in inter-ocular distances
OPEN_MOUTH_WIDTH = 1.5  # of a place that holds a mouth while it opens
STEADY = 9  # frames over which a place that follows a face is averaged


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


EYES = [corner for eye in EYE_CORNERS for corner in eye]


def _about(middle: NDArray[np.float64], width: float, side: int) -> Place:
    """A place by its middle (x, y) and its width, in pixels of a picture of this side."""
    x, y = middle / side
    across = width / side
    return Place(float(x) - across / 2, float(y) - across / 4, across)


def eyes_and_mouth_by_mesh(mesh: Mesh, side: int) -> EyesAndMouth:
    """By the points of a face mesh in a picture of this side."""
    eyes, mouth = (mesh.points[list(points)].mean(axis=0) for points in (EYES, MOUTH_CORNERS))
    return EyesAndMouth(
        _about(eyes, EYES_WIDTH * mesh.interocular, side), _about(mouth, MOUTH_WIDTH * mesh.interocular, side)
    )


def eyes_and_mouth_by_box(picture: Image) -> EyesAndMouth:
    """By the box of the face found; the middle of the picture where none is found."""
    face = FaceDetector().detect(picture)
    side = len(picture)
    box = (0.28 * side, 0.25 * side, 0.44 * side, 0.44 * side) if face is None else (face.x, face.y, face.w, face.h)
    x, y, width, height = (value / side for value in box)
    eyes = Place(x + 0.08 * width, y + 0.18 * height, 0.84 * width)
    mouth = Place(x + 0.2 * width, y + 0.62 * height, 0.6 * width)
    return EyesAndMouth(eyes, mouth)


def _path(points: Points, chosen: Sequence[int]) -> NDArray[np.float64]:
    """The middle of some points, steadied, straight where there is no face. # (T, 478, 2) -> (T, 2)"""
    middle = points[:, list(chosen)].mean(axis=1)
    frames = np.arange(len(middle))
    known = ~np.isnan(middle[:, 0])
    whole = np.stack([np.interp(frames, frames[known], middle[known, axis]) for axis in (0, 1)], axis=1)
    around = np.pad(whole, ((STEADY // 2, STEADY // 2), (0, 0)), mode="edge")
    return np.stack([around[index : index + STEADY].mean(axis=0) for index in frames])


def places_over_time(points: Points, pictures: Pictures) -> list[EyesAndMouth]:
    """Places of one size that follow a face; by the first picture's box where there never is one.

    # (T, 478, 2) NaN without a face, (T, S, S, 3)
    """
    side = pictures.shape[1]
    right, left = (points[:, corner] for corner in OUTER_EYE_CORNERS)
    interocular = np.hypot(*(left - right).T)
    if np.isnan(interocular).all():
        return [eyes_and_mouth_by_box(pictures[0])] * len(pictures)
    width = float(np.nanmedian(interocular))
    return [
        EyesAndMouth(_about(eyes, EYES_WIDTH * width, side), _about(mouth, OPEN_MOUTH_WIDTH * width, side))
        for eyes, mouth in zip(_path(points, EYES), _path(points, LIPS), strict=True)
    ]
