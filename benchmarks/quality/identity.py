"""Stage 10, display (as judged): whether a decoded face is still the same person, to a face recognition network.

MobileFaceNet (Chen, Liu, Gao, Han, CCBR 2018; an ONNX file, not part of this project: it is named), run by OpenCV. A
face is turned, scaled and shifted so that its eyes, nose tip and mouth corners lie where the network was trained to
see them, in 112x112 pixels. The embedding is that of the picture plus that of its mirror image, at unit length; two
faces are compared by the cosine of their embeddings.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import NetsMissing
from benchmarks.quality.face_mesh import Points
from codec.units import Image

Embedding = NDArray[np.float64]  # (128,), unit length

SIDE = 112
FINER = 2  # cut out at so many times the side and averaged, so that a large face is not sampled with gaps
# Eyes, nose tip, mouth corners in the 112x112 picture, left to right: the alignment of insightface.
PLACES: Points = np.array([(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)])
MEAN = np.array((0.485, 0.456, 0.406), np.float32)  # ImageNet
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)


def similarity(source: Points, target: Points) -> Points:
    """Turn, scale and shift that bring `source` nearest to `target` in the least squares. # (N, 2) twice -> (2, 3)

    In the plane a similarity is z -> a z + b with complex a and b (Umeyama, 1991, without mirroring).
    """
    z, w = source @ (1, 1j), target @ (1, 1j)
    z0, w0 = z.mean(), w.mean()
    a = np.vdot(z - z0, w - w0) / np.vdot(z - z0, z - z0)
    b = w0 - a * z0
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(picture: Image, points: Points) -> Image:
    """The face whose five points are given, as the network wants it. # (112, 112, 3)"""
    fine = FINER * SIDE
    matrix = similarity(points, FINER * (PLACES + 0.5) - 0.5)
    face = cv2.warpAffine(picture, matrix, (fine, fine), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


class Identity:
    """The network, loaded once."""

    def __init__(self, path: Path) -> None:
        """Raises NetsMissing when the file is absent or another network."""
        try:
            self._net = cv2.dnn.readNetFromONNX(str(path))
            self._forward(np.zeros((SIDE, SIDE, 3), np.uint8))
        except cv2.error as error:
            raise NetsMissing(f"{path}: no face recognition network in ONNX form for 112x112 pictures") from error

    def _forward(self, face: Image) -> Embedding:
        normal = (face.astype(np.float32) / 255 - MEAN) / DEVIATION
        self._net.setInput(np.ascontiguousarray(normal.transpose(2, 0, 1))[None])
        return np.asarray(self._net.forward(), np.float64).ravel()

    def embed(self, picture: Image, points: Points) -> Embedding:
        """Unit embedding of the face at five points: the same points for an original and for its decoded twin."""
        face = align(picture, points)
        both = self._forward(face) + self._forward(face[:, ::-1])
        return both / np.linalg.norm(both)
