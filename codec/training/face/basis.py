"""Training, faces: the mean shape and the expression basis, from labelled clips."""

from collections.abc import Sequence

import numpy as np

from codec.errors import MediaError
from codec.motion.expression import COEFFICIENTS, FaceShape, similarity
from codec.motion.landmarks import EYES, IRISES, LANDMARKS, LEFT_CORNER, LIPS, RIGHT_CORNER, RIGID
from codec.training.data.dataset import ClipFile
from codec.training.face.faces import labelled
from codec.units import Floats

__all__ = ["fit_shape"]

_ROUNDS = 3
_EVERY = 3  # frames
_FEWEST = 10
_LIPS_WEIGHT, _EYES_WEIGHT = 2.0, 4.0  # of squared errors


def fit_shape(files: Sequence[ClipFile]) -> FaceShape:
    """Principal components of what is left when each frame's pose is out. MediaError where nothing is labelled."""
    clips = [points[present] for points, present in filter(None, map(labelled, files)) if present.sum() >= _FEWEST]
    if not clips:
        raise MediaError("none of the clips has landmark labels (labels.npz) beside it")
    mean = _mean_shape([points[0] for points in clips])
    weight = np.ones(LANDMARKS)
    weight[LIPS], weight[EYES], weight[IRISES] = _LIPS_WEIGHT, _EYES_WEIGHT, _EYES_WEIGHT
    weight = np.sqrt(weight)
    deltas = []
    for points in clips:
        upright = np.stack([_upright(frame, mean) for frame in points[::_EVERY]])
        deltas.append((upright - np.median(upright, 0)) * weight[:, None])
    flat = np.concatenate(deltas).reshape(-1, 3 * LANDMARKS)
    _, directions = np.linalg.eigh(flat.T @ flat / len(flat))
    basis = directions[:, ::-1][:, :COEFFICIENTS].T.reshape(COEFFICIENTS, LANDMARKS, 3)
    return FaceShape(mean.astype(np.float32), basis.astype(np.float32), weight.astype(np.float32))


def _upright(frame: Floats, mean: Floats) -> Floats:
    scale, rotation, shift = similarity(mean[RIGID], frame[RIGID])
    return np.asarray((frame - shift) @ rotation.T / scale)


def _mean_shape(faces: Sequence[Floats]) -> Floats:
    """Generalised Procrustes analysis (Gower, 1975); one io wide at the eyes, the rigid points about the origin."""
    mean = np.mean([face - face[RIGID].mean(0) for face in faces], 0)
    for _ in range(_ROUNDS):
        mean = mean / np.linalg.norm(mean[LEFT_CORNER] - mean[RIGHT_CORNER])
        mean = np.mean([_upright(face, mean) for face in faces], 0)
        mean = mean - mean[RIGID].mean(0)
    return np.asarray(mean / np.linalg.norm(mean[LEFT_CORNER] - mean[RIGHT_CORNER]))
