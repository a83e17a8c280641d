"""Stage 10, display (as judged): what a face does in each frame, from its mesh: mouth, lids, gaze.

Apertures are distances between the middles of two lips or two lids, in parts of the original's inter-ocular distance
(the outer corners of the eyes, 300-W's norm); the closed eye is one of a small aperture (Soukupova, Cech, CVWW 2016).
Gaze is where the middle of the iris is between the corners of its own eye, so that a shifted face looks where it did.
"""

import numpy as np
from numpy.typing import NDArray

Track = NDArray[np.float64]  # (T,), NaN where there is no face
Points = NDArray[np.float64]  # (T, 478, 2): x, y in pixels, NaN where there is no face

# fmt: off
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)
LIDS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
)
# fmt: on
MOUTH_GAP = (13, 14)  # inner lips, upper and lower
EYE_GAPS = ((159, 145), (386, 374))  # lids, the subject's right and left
IRIS_AND_CORNERS = ((468, 33, 133), (473, 362, 263))


def _distance(points: Points, pair: tuple[int, int]) -> Track:
    return np.asarray(np.hypot(*(points[:, pair[0]] - points[:, pair[1]]).T))


def mouth_aperture(points: Points, interocular: Track) -> Track:
    """How far the lips are apart, in inter-ocular distances. # (T, 478, 2), (T,) -> (T,)"""
    return _distance(points, MOUTH_GAP) / interocular


def eye_aperture(points: Points, interocular: Track) -> Track:
    """How far the lids are apart, mean of both eyes, in inter-ocular distances. # (T, 478, 2), (T,) -> (T,)"""
    return (_distance(points, EYE_GAPS[0]) + _distance(points, EYE_GAPS[1])) / 2 / interocular


def gaze(points: Points) -> NDArray[np.complex128]:
    """Where each iris is between its eye's corners: 0 at the left one, 1 at the right. # (T, 478, 2) -> (T, 2)

    In the plane of complex numbers, whose quotient does not see where the eye is, how large, and how it is turned.
    """
    plane = points @ (1, 1j)
    with np.errstate(invalid="ignore"):  # NaN over NaN, where there is no face
        eyes = [(plane[:, iris] - plane[:, a]) / (plane[:, b] - plane[:, a]) for iris, a, b in IRIS_AND_CORNERS]
    return np.stack(eyes, axis=1)


def gaze_error(original: Points, decoded: Points) -> Track:
    """How far the irises are off, mean of both eyes, in percent of the eye's width. # (T, 478, 2) twice -> (T,)"""
    return np.asarray(100 * np.abs(gaze(decoded) - gaze(original)).mean(axis=1))


def point_error(
    original: Points, decoded: Points, interocular: Track, *, points: tuple[int, ...] | None = None
) -> Track:
    """Mean distance of some points or of all, in percent of the inter-ocular distance. # (T, 478, 2) twice -> (T,)"""
    some = slice(None) if points is None else list(points)
    distance = np.hypot(*np.moveaxis(decoded[:, some] - original[:, some], -1, 0))
    return np.asarray(100 * distance.mean(axis=1) / interocular)
