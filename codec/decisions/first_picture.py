"""Stage 4, first picture: which of the first pictures is worth animating, where one keyframe must do for a call.

A first picture with closed eyes, a blurred one, or one with a hand before the face haunts all that follow. So the
pictures of the first second are scored, and the best of them may take the place of what was sent at once.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from codec.decisions.observation import Observation
from codec.motion.expression import FaceShape
from codec.motion.face_windows import eye_line
from codec.motion.landmarks import EYE_APERTURES, MOUTH_APERTURE, RIGID
from codec.units import PTS_PER_S, Floats, Image

__all__ = ["WAIT_S", "Candidate", "FirstPicture", "best_of", "worth_animating"]

WAIT_S = 0.5  # a file, or a call that can wait, looks at so much before its first keyframe
_WATCHED_S = 1.0
_CLEARLY = 0.25  # by how much a later picture must be better than the one that was sent
_OPEN_EYES, _OPEN_MOUTH = 0.12, 0.06  # io
_TURNED = 0.6  # radians of yaw and pitch together at which a face is half as good


Candidate = tuple[Image, Observation]


def worth_animating(picture: Image, seen: Observation, shape: FaceShape) -> float:
    """How well a picture (S, S, 3) stands for all that follow, 0 to about 3: eyes open, sharp, frontal, teeth seen."""
    landmarks = seen.landmarks
    io, _ = eye_line(landmarks)

    def apart(pair: list[int]) -> float:
        return float(np.linalg.norm(landmarks[pair[0]] - landmarks[pair[1]])) / max(io, 1.0)

    eyes = min(apart(pair) for pair in EYE_APERTURES) / _OPEN_EYES
    mouth = apart(MOUTH_APERTURE) / _OPEN_MOUTH
    own = shape.person(landmarks, side=seen.side).own
    frontal = 1 / (1 + float(own[0] ** 2 + own[1] ** 2) / _TURNED**2)
    return min(eyes, 1.0) + 0.5 * min(mouth, 1.0) + frontal + 0.5 * _sharpness(picture, landmarks[RIGID][:, :2])


def _sharpness(picture: Image, points: Floats) -> float:
    """Of the face, 0 to 1: the share of its contrast that a small blur takes away."""
    (left, top), (right, bottom) = (np.clip(points.min(0), 0, None), points.max(0))
    face = picture[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
    if face.size < 64:
        return 0.0
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lost = float(np.std(grey - cv2.GaussianBlur(grey, (0, 0), 1.5)))
    return min(1.0, 5 * lost / (float(np.std(grey)) + 1.0))


def best_of(candidates: Sequence[Candidate], shape: FaceShape) -> Candidate:
    """What to begin with: the first that is nearly as good as any, since what it shows is shown at once."""
    scores = [worth_animating(picture, seen, shape) for picture, seen in candidates]
    return next(one for one, score in zip(candidates, scores, strict=True) if score >= max(scores) - _CLEARLY / 2)


class FirstPicture:
    """Watches the first second of a call for a better picture than the one that was sent; says so once."""

    def __init__(self, shape: FaceShape) -> None:
        self._shape = shape
        self._sent: tuple[float, int] | None = None  # score and pts of the keyframe
        self._best: tuple[float, Candidate] | None = None
        self._over = False

    def sent(self, picture: Image, seen: Observation, *, pts: int) -> None:
        """A keyframe shows this picture."""
        if self._sent is None:
            self._sent = (worth_animating(picture, seen, self._shape), pts)

    def better(self, picture: Image, seen: Observation, *, pts: int) -> Candidate | None:
        """To be told of each later picture; when the second is over, the best of them, if it is clearly better."""
        if self._sent is None or self._over:
            return None
        score, start = self._sent
        found = worth_animating(picture, seen, self._shape)
        if found > max(score + _CLEARLY, self._best[0] if self._best else 0.0):
            self._best = (found, (picture.copy(), seen))
        self._over = pts - start >= _WATCHED_S * PTS_PER_S
        return self._best[1] if self._over and self._best else None
