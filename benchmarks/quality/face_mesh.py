"""Stage 10, display (as judged): 478 points on a face, found in an original and looked for in its decoded twin.

MediaPipe's face landmark network (`face_landmarks_detector.tflite`, not part of this project: the file is named), run
by OpenCV. It takes a square of 1.5 times the face's box, turned so that the eyes are level, as 256x256 RGB in 0..1,
and gives 478 points in pixels of that square and a logit that says whether there is a face at all.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import NetsMissing
from codec.pictures.face import FaceBox, FaceDetector
from codec.units import Image

Points = NDArray[np.float64]  # (N, 2): x, y in pixels

SIDE = 256  # of the network's input
POINTS = 478
OUTPUTS = ("Identity", "Identity_1")  # the points; the logit of presence
SQUARE_PER_FACE = 1.5
SURE = 5.0  # the least logit of presence, 99.3 %
MIDDLE = FaceBox(0.25, 0.25, 0.5, 0.5, 1.0)  # where a face is in a picture cut to it, as parts of the picture's side
OUTER_EYE_CORNERS = (33, 263)  # the subject's right, left
EYE_CORNERS = ((33, 133), (362, 263))
NOSE_TIP = 1
MOUTH_CORNERS = (61, 291)


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square of a picture: centre and side in pixels, and the angle in radians of its upper edge."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    @property
    def to_picture(self) -> Points:
        """The similarity from pixels of the network's input to pixels of the picture. # (2, 3)"""
        scale = self.side / SIDE
        cos, sin = scale * np.cos(self.angle), scale * np.sin(self.angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        centre = np.array([self.x, self.y]) - turn @ (SIDE / 2, SIDE / 2)
        return np.column_stack([turn, centre])

    def cut(self, picture: Image) -> Image:
        """What the network looks at; edge pixels go on beyond the picture. # (256, 256, 3)"""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(picture, self.to_picture, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cut, np.uint8)


@dataclass(frozen=True, slots=True)
class Mesh:
    """A face: where it was looked for, its points in pixels of the picture, the logit of presence."""

    square: Square
    points: Points  # (478, 2)
    presence: float

    @property
    def interocular(self) -> float:
        """Between the outer corners of the eyes, in pixels: the norm of landmark errors (300-W)."""
        right, left = self.points[list(OUTER_EYE_CORNERS)]
        return float(np.hypot(*(left - right)))


def square_about_box(box: FaceBox) -> Square:
    return Square(*box.centre, SQUARE_PER_FACE * max(box.w, box.h))


def square_about_points(points: Points) -> Square:
    """Eyes level, the points' box in the middle third but for its shorter side."""
    right, left = points[list(OUTER_EYE_CORNERS)]
    angle = float(np.arctan2(*(left - right)[::-1]))
    cos, sin = np.cos(angle), np.sin(angle)
    turned = points @ np.array([[cos, -sin], [sin, cos]])
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = np.array([[cos, -sin], [sin, cos]]) @ ((low + high) / 2)
    return Square(float(x), float(y), SQUARE_PER_FACE * float((high - low).max()), angle)


class FaceMesh:
    """The network, loaded once, and what finds a first face for it."""

    def __init__(self, path: Path) -> None:
        """Raises NetsMissing when the file is absent or another network."""
        try:
            self._net = cv2.dnn.readNetFromTFLite(str(path))
            outputs = set(self._net.getUnconnectedOutLayersNames())
        except cv2.error as error:
            raise NetsMissing(f"{path}: no face landmark network in TFLite form") from error
        if not set(OUTPUTS) <= outputs:
            raise NetsMissing(f"{path}: its outputs are {', '.join(sorted(outputs))}, not {', '.join(OUTPUTS)}")
        self._detector = FaceDetector()

    def look(self, picture: Image, square: Square) -> Mesh:
        """The points in a square, whatever it shows."""
        self._net.setInput(cv2.dnn.blobFromImage(square.cut(picture), 1 / 255))  # (1, 3, 256, 256)
        flat, presence = self._net.forward(OUTPUTS)
        inside = flat.reshape(POINTS, 3)[:, :2].astype(np.float64)
        to_picture = square.to_picture
        return Mesh(square, inside @ to_picture[:, :2].T + to_picture[:, 2], float(presence.item()))

    def find(self, picture: Image, *, before: Mesh | None = None) -> Mesh | None:
        """The face of an original: near where it was before, else where the detector sees one, else in the middle.

        Looked at twice, the second time in the square about the points found first. None without a sure face.
        """
        for square in self._places(picture, before):
            first = self.look(picture, square)
            if first.presence >= 0:
                mesh = self.look(picture, square_about_points(first.points))
                if mesh.presence >= SURE:
                    return mesh
        return None

    def _places(self, picture: Image, before: Mesh | None) -> list[Square]:
        if before is not None:
            return [square_about_points(before.points), *self._places(picture, None)]
        side = len(picture)
        middle = FaceBox(MIDDLE.x * side, MIDDLE.y * side, MIDDLE.w * side, MIDDLE.h * side, MIDDLE.score)
        box = self._detector.detect(picture)
        return [square_about_box(one) for one in (box, middle) if one is not None]


def five_points(mesh: Mesh) -> Points:
    """Eye centres (middles of the corners, so that lids and gaze do not move them), nose tip, mouth corners. # (5, 2)

    Left to right as the picture shows them: the subject's right eye first.
    """
    eyes = [mesh.points[list(corners)].mean(axis=0) for corners in EYE_CORNERS]
    return np.stack([*eyes, mesh.points[NOSE_TIP], *mesh.points[list(MOUTH_CORNERS)]])
