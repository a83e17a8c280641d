"""Stage 3, face tracker: the landmarks of the face that is followed, from picture to picture."""

import numpy as np

from codec.motion.face_box import FaceBox
from codec.motion.landmarks import EYES, LIPS
from codec.motion.parameters import FEATURE_POINTS, MESH_POINTS
from codec.motion.tracking import CROP_EXTENTS, LandmarkNets, face_frame, find_landmarks, square_frame
from codec.units import Floats, Image

__all__ = ["FaceTracker", "landmarks_in"]

_START_EXTENT = 1.15  # the landmarks' larger extent, in that of the keypoints
_AWAY = 0.35  # of the face's extent: further from the keypoints it is another thing that is followed
_RATIO = 1.7


class FaceTracker:
    """Follows one face. Where it is lost, the motion extractor's keypoints say where to begin again."""

    def __init__(self, nets: LandmarkNets) -> None:
        self._nets = nets
        self._last: Floats | None = None

    def follow(self, picture: Image, *, keypoints: Floats | None) -> Floats:
        """RGB (S, S, 3) and keypoints (K, 3) in [-1, 1] -> landmarks (112, 3) in pixels.

        Without keypoints what was followed is followed on; the first picture needs them.
        """
        if keypoints is not None:
            seen = (keypoints[: len(MESH_POINTS), :2] + 1) * (picture.shape[0] / 2)
            if self._last is None or not _together(self._last, seen):
                self._last = self._begin(picture, seen)
        assert self._last is not None, "the first picture comes with keypoints"
        self._last = find_landmarks(self._nets, picture, face_frame(self._last))
        return self._last

    def _begin(self, picture: Image, seen: Floats) -> Floats:
        low, high = seen.min(0), seen.max(0)
        extent = _START_EXTENT * float((high - low).max())
        return find_landmarks(self._nets, picture, square_frame((low + high) / 2, CROP_EXTENTS * extent))


def _together(landmarks: Floats, seen: Floats) -> bool:
    """Whether landmarks and keypoints are of one face."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    extent = float((high - low).max())
    other = float((seen.max(0) - seen.min(0)).max())
    middle = (landmarks[EYES, :2].mean(0) + landmarks[LIPS, :2].mean(0)) / 2
    away = float(np.hypot(*(middle - seen[:FEATURE_POINTS].mean(0))))
    return away < _AWAY * extent and 1 / _RATIO < extent / max(other, 1e-3) < _RATIO


def landmarks_in(nets: LandmarkNets, picture: Image, box: FaceBox) -> Floats:
    """Landmarks (112, 3) of the face in a box of a decoded reference; looked at twice, as one that is followed is."""
    first = find_landmarks(nets, picture, box.frame(side=picture.shape[0]))
    return find_landmarks(nets, picture, face_frame(first))
