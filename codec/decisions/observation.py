"""Stage 3, observation: all that is seen in a picture before it is coded: landmarks, and keypoints where asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from codec.engines.runtime import Runtime
from codec.motion.face_box import FaceBox
from codec.motion.face_tracker import FaceTracker
from codec.motion.landmarks import points_of
from codec.motion.parameters import FEATURE_POINTS, MESH_POINTS
from codec.units import Floats, Image

__all__ = ["Observation", "Observer"]

_CHECKED_EVERY = 4  # pictures: whether what is followed is still where keypoints see a face
_FEATURES = points_of(*MESH_POINTS[:FEATURE_POINTS])


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What a picture of `side` pixels shows: landmarks (112, 3) in pixels, and what `extract` finds when first asked.

    That is canonical keypoints (K, 3) and their motion (MOTION_NUMBERS,).
    """

    extract: Callable[[], tuple[Floats, Floats]]
    landmarks: Floats
    side: int

    @property
    def canonical(self) -> Floats:
        """Canonical keypoints (K, 3)."""
        return self.extract()[0]

    @property
    def motion(self) -> Floats:
        """Motion of the keypoints (MOTION_NUMBERS,)."""
        return self.extract()[1]

    @property
    def features(self) -> Floats:
        """Lips, eyes and irises among the landmarks, (FEATURE_POINTS, 3), the picture spanning [-1, 1]."""
        return np.asarray(self.landmarks[_FEATURES] * (2 / self.side) - 1, np.float32)

    @property
    def box(self) -> FaceBox:
        """Where the face is, for those who will look for it in the coded picture."""
        return FaceBox.of(self.landmarks, side=self.side)


class Observer:
    """Looks at one picture after the other, and follows the face from each to the next."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tracker = FaceTracker(runtime)
        self._count = 0

    def look(self, picture: Image) -> Observation:
        """RGB (S, S, 3)."""
        extract, points = cache(partial(self._runtime.extract, picture)), None
        if self._count % _CHECKED_EVERY == 0:
            canonical, motion = extract()
            points = self._runtime.keypoints(motion, canonical)
        self._count += 1
        return Observation(extract, self._tracker.follow(picture, keypoints=points), picture.shape[0])
