"""Training, faces: how the base layer's keypoints move with a face, by least squares over labelled clips.

The keypoints' motion of a frame need not be sent where the face numbers are: what these say of it is learnt once. On
held-out people that costs .1 dB of the warp and saves two bytes a frame.
"""

from collections.abc import Sequence

import numpy as np

from codec.engines.runtime import Runtime
from codec.errors import MediaError
from codec.motion.expression import FACE_NUMBERS
from codec.training.data.dataset import ClipFile, read_frames
from codec.training.face.faces import labelled
from codec.units import Floats

__all__ = ["fit_base_motion"]

_EVERY, _MOST_FRAMES, _MOST_CLIPS = 5, 100, 120
_FEWEST = 4
_RIDGE = 0.8  # as if so much of each face number's square said that nothing moves


def fit_base_motion(runtime: Runtime, files: Sequence[ClipFile]) -> Floats:
    """The matrix (FACE_NUMBERS, MOTION_NUMBERS) from differences of face numbers to those of the extractor's motion."""
    faces, motions = list[Floats](), list[Floats]()
    for file in files[:: max(1, len(files) // _MOST_CLIPS)]:
        for face, motion in _differences(runtime, file):
            faces.append(face)
            motions.append(motion)
    if not faces:
        raise MediaError("none of the clips has landmark labels (labels.npz) beside it")
    known, wanted = np.stack(faces).astype(np.float64), np.stack(motions).astype(np.float64)
    square = known.T @ known + _RIDGE * np.eye(FACE_NUMBERS)
    return np.asarray(np.linalg.solve(square, known.T @ wanted), np.float32)


def _differences(runtime: Runtime, file: ClipFile) -> list[tuple[Floats, Floats]]:
    """Of some frames to the first of them."""
    known = labelled(file)
    if known is None:
        return []
    points, present = known
    frames = read_frames(file.path, size=256, limit=min(_MOST_FRAMES, len(points)))
    chosen = [index for index in range(0, len(frames), _EVERY) if present[index]]
    if len(chosen) < _FEWEST:
        return []
    motions = [runtime.extract(frames[index])[1] for index in chosen]
    person = runtime.face_shape.person(points[chosen[0]], side=256)
    faces = [person.numbers(points[index]) for index in chosen]
    return [(face - person.own, motion - motions[0]) for face, motion in zip(faces[1:], motions[1:], strict=True)]
