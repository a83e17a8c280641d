"""Stage 3, landmarks: which points of the face mesh are followed, in which order, and what they are parts of.

112 points of MediaPipe's 478-point face mesh (Kartynnik et al., 2019), the order of `labels.npz`. "Right" and "left"
are the speaker's own. Distances are told as shares of `io`, the distance between the outer corners of the eyes.
"""

import numpy as np
import numpy.typing as npt

# fmt: off
MESH_ORDER = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 78, 95,
    88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 33, 7, 163, 144,
    145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 263, 249, 390, 373, 374, 380, 381, 382, 362, 398,
    384, 385, 386, 387, 388, 466, 468, 473, 70, 63, 105, 66, 107, 300, 293, 334, 296, 336, 10, 297, 284, 389,
    454, 361, 397, 379, 400, 152, 176, 150, 172, 132, 234, 162, 54, 67, 1, 4, 5, 195, 197, 6, 168, 98,
    327, 2,
)
_MIRRORED_MESH = {  # the right half's points and their twins on the left
    33: 263, 7: 249, 163: 390, 144: 373, 145: 374, 153: 380, 154: 381, 155: 382, 133: 362, 173: 398, 157: 384,
    158: 385, 159: 386, 160: 387, 161: 388, 246: 466, 468: 473, 70: 300, 63: 293, 105: 334, 66: 296, 107: 336,
    61: 291, 146: 375, 91: 321, 181: 405, 84: 314, 185: 409, 40: 270, 39: 269, 37: 267, 78: 308, 95: 324, 88: 318,
    178: 402, 87: 317, 191: 415, 80: 310, 81: 311, 82: 312, 67: 297, 54: 284, 162: 389, 234: 454, 132: 361,
    172: 397, 150: 379, 176: 400, 98: 327,
}
# fmt: on

LANDMARKS = len(MESH_ORDER)
OUTER_LIPS, INNER_LIPS, LIPS = slice(0, 20), slice(20, 40), slice(0, 40)
RIGHT_EYE, LEFT_EYE, EYES = slice(40, 56), slice(56, 72), slice(40, 72)
RIGHT_IRIS, LEFT_IRIS = 72, 73
IRISES = slice(72, 74)
BROWS, OUTLINE = slice(74, 84), slice(84, 102)


def points_of(*mesh: int) -> list[int]:
    """Where points of the face mesh stand in the order."""
    return [MESH_ORDER.index(point) for point in mesh]


RIGHT_CORNER, LEFT_CORNER = points_of(33, 263)  # the outer corners of the eyes: io is their distance
# Points that keep their place on the skull: corners of the eyes, bridge, tip and wings of the nose, cheeks, forehead.
RIGID = points_of(33, 133, 362, 263, 168, 6, 1, 4, 98, 327, 234, 454, 10)
_BOTH_WAYS = _MIRRORED_MESH | {left: right for right, left in _MIRRORED_MESH.items()}
MIRROR: npt.NDArray[np.int64] = np.array(points_of(*(_BOTH_WAYS.get(point, point) for point in MESH_ORDER)))

# Pairs whose distance is what is heard and seen: the opening of lips and lids, and how wide the mouth is.
APERTURES = (
    points_of(13, 159, 386, 160, 158, 385, 387, 61, 81, 311),
    points_of(14, 145, 374, 144, 153, 380, 373, 291, 178, 402),
)
MOUTH_APERTURE = points_of(13, 14)
EYE_APERTURES = (points_of(159, 145), points_of(386, 374))

RIGHT_EYE_POINTS = (*range(RIGHT_EYE.start, RIGHT_EYE.stop), RIGHT_IRIS)
LEFT_EYE_POINTS = tuple(int(MIRROR[point]) for point in RIGHT_EYE_POINTS)  # in the right one's order
