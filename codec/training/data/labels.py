"""Training, labels: face-mesh landmarks -> the codec's own motion parameters.

A `labels.npz` beside the clips holds, for a clip NAME, `NAME.landmarks` int16 (T, 112, 3), whose running sum over the
frames divided by 16 gives x, y, z in pixels of a 256x256 frame, and `NAME.presence` (T,), the detector's confidence.
Generalised Procrustes analysis (Gower, 1975) turns the points into canonical keypoints per clip and rotation, scale,
translation per frame; a principal component analysis of what is left gives the expression basis. Networks trained
towards these numbers speak the codec's language from the first step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from codec.errors import MediaError
from codec.motion.landmarks import MESH_ORDER
from codec.motion.parameters import EXPRESSIONS, FREE_POINTS, KEYPOINTS, MESH_POINTS, MOTION_NUMBERS, POSE_NUMBERS
from codec.units import Floats

LABEL_ORDER = MESH_ORDER  # of the points of labels.npz, as indices into the 478-point face mesh
_SELECT = np.array([LABEL_ORDER.index(point) for point in MESH_POINTS])
_LABELLED = len(MESH_POINTS)
# Points that keep their place on the skull, by position in MESH_POINTS: eye corners, nose, forehead, cheeks.
_RIGID = np.array([6, 7, 10, 11, 18, 20, 21, 22, 23])
MIN_PRESENCE = 5.0
# Where the free points start: crown, neck and shoulders, in the canonical frame, whose cheeks are at about -1 and 1.
_FREE_START = np.array([[0.0, -1.5, 0.3], [0.0, 2.1, 0.4], [-1.5, 2.6, 0.5], [1.5, 2.6, 0.5]], np.float32)
_FREE_EXPRESSIONS = 2 * (FREE_POINTS - 1)  # neck and shoulders may move by themselves, the crown is on the skull


@dataclass(frozen=True, slots=True)
class ClipLabels:
    """One clip's keypoint labels in [-1, 1]: points (T, 24, 3), present (T,)."""

    points: Floats
    present: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MotionLabels:
    """All clips in the codec's parameters: motion per frame, canonical keypoints per clip, mean shape, basis."""

    motions: list[Floats]  # (T, MOTION_NUMBERS) each
    canonicals: list[Floats]  # (K, 3) each
    mean_shape: Floats  # (K, 3)
    basis: Floats  # (EXPRESSIONS, K, 3)


def read_labels(path: Path) -> dict[str, ClipLabels]:
    """Clip name -> labels; an absent file gives none. MediaError when there is one that holds something else."""
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = sorted({key.rsplit(".", 1)[0] for key in archive.files})
            return {name: _clip_labels(archive[f"{name}.landmarks"], archive[f"{name}.presence"]) for name in names}
    except (OSError, EOFError, KeyError, ValueError, IndexError, AttributeError, BadZipFile) as error:
        raise MediaError(f"{path} holds no labels: {error}") from error


def _clip_labels(landmarks: npt.NDArray[np.int16], presence: Floats) -> ClipLabels:
    pixels = np.cumsum(landmarks.astype(np.int32), axis=0)[:, _SELECT] / 16
    points = (pixels / 128).astype(np.float32)
    points[..., :2] -= 1
    return ClipLabels(points, presence.astype(np.float32) > MIN_PRESENCE)


def rigid_fit(points: Floats, shape: Floats) -> tuple[Floats, Floats, Floats]:
    """Least-squares x ≈ s (shape R) + t over the rigid points (Umeyama, 1991).

    points (T, P, 3), shape (P, 3) -> R (T, 3, 3), s (T,), t (T, 3).
    """
    target, source = points[:, _RIGID], shape[_RIGID]
    target_mean, source_mean = target.mean(1, keepdims=True), source.mean(0)
    target, source = target - target_mean, source - source_mean
    u, sigma, vt = np.linalg.svd(np.einsum("pi,tpj->tij", source, target))
    sign = np.sign(np.linalg.det(u @ vt))
    flip = np.stack((np.ones_like(sign), np.ones_like(sign), sign), -1)
    rotation = (u * flip[:, None]) @ vt
    scale = (sigma * flip).sum(-1) / (source**2).sum()
    translation = target_mean[:, 0] - scale[:, None] * (source_mean @ rotation)
    return rotation.astype(np.float32), scale.astype(np.float32), translation.astype(np.float32)


def angles_of(rotation: Floats) -> Floats:
    """The inverse of motion.rotation_matrix, (T, 3, 3) -> yaw, pitch, roll (T, 3)."""
    # With R = Ry Rx Rz, roll does not touch the last column, and yaw not the middle row.
    pitch = np.arcsin(np.clip(rotation[:, 1, 2], -1, 1))
    yaw = np.arctan2(-rotation[:, 0, 2], rotation[:, 2, 2])
    roll = np.arctan2(-rotation[:, 1, 0], rotation[:, 1, 1])
    return np.stack((yaw, pitch, roll), -1).astype(np.float32)


def _align(points: Floats, shape: Floats) -> tuple[Floats, Floats]:
    """points brought into the canonical frame (T, P, 3) and their pose numbers (T, 6)."""
    rotation, scale, translation = rigid_fit(points, shape)
    # z is only known up to a shift; what t_z would be is left in the canonical points' own frame.
    canonical = ((points - translation[:, None]) / scale[:, None, None]) @ rotation.transpose(0, 2, 1)
    pose = np.concatenate((angles_of(rotation), np.log(scale)[:, None], translation[:, :2]), 1)
    return canonical.astype(np.float32), pose.astype(np.float32)


def fit_motion(clips: Sequence[ClipLabels], *, like: tuple[Floats, Floats] | None = None) -> MotionLabels:
    """Mean shape, expression basis and every clip's parameters from at least one clip with present faces.

    `like` gives a mean shape (K, 3) and basis (EXPRESSIONS, K, 3) to use instead of these clips' own.
    """
    shape = _mean_shape(clips) if like is None else like[0][:_LABELLED]
    aligned = [_align(clip.points, shape) for clip in clips]
    canonicals = [
        points[clip.present].mean(0) if clip.present.any() else shape
        for (points, _), clip in zip(aligned, clips, strict=True)
    ]
    if like is None:
        deltas = [(a[0] - c)[clip.present] for a, c, clip in zip(aligned, canonicals, clips, strict=True)]
        basis = _basis(np.concatenate(deltas).reshape(-1, _LABELLED * 3))
    else:
        basis = like[1]
    flat = basis[:, :_LABELLED].reshape(EXPRESSIONS, -1)
    inverse = np.linalg.pinv(flat)
    motions = []
    for (points, pose), canonical in zip(aligned, canonicals, strict=True):
        expression = (points - canonical).reshape(len(points), -1) @ inverse
        motions.append(np.concatenate((pose, expression), 1).astype(np.float32))
    assert motions[0].shape[1] == MOTION_NUMBERS == POSE_NUMBERS + EXPRESSIONS
    return MotionLabels(motions, [_with_free(c) for c in canonicals], _with_free(shape), basis)


def _mean_shape(clips: Sequence[ClipLabels]) -> Floats:
    frames = np.concatenate([clip.points[clip.present][::5] for clip in clips])
    shape = frames[np.argmin(np.abs(frames[..., 2]).sum(1))]
    for _ in range(5):
        shape = _align(frames, shape)[0].mean(0)
        shape = shape - shape[_RIGID].mean(0)
        shape = shape / np.abs(shape[_RIGID, 0]).max()  # the face is about one unit wide on each side
    return np.asarray(shape, np.float32)


def _basis(deltas: Floats) -> Floats:
    """Principal components scaled to unit variance, then one component per axis of each movable free point."""
    components = EXPRESSIONS - _FREE_EXPRESSIONS
    deltas = deltas[:: max(1, len(deltas) // 20000)]
    _, sigma, vt = np.linalg.svd(deltas, full_matrices=False)
    known = min(components, len(vt))  # a few frames span less; the rest of the basis stays zero
    spread = sigma[:known] / np.sqrt(len(deltas))
    basis = np.zeros((EXPRESSIONS, KEYPOINTS, 3), np.float32)
    basis[:known, :_LABELLED] = (vt[:known] * spread[:, None]).reshape(known, _LABELLED, 3)
    for index in range(_FREE_EXPRESSIONS):
        basis[components + index, KEYPOINTS - FREE_POINTS + 1 + index // 2, index % 2] = 0.1
    return basis


def _with_free(shape: Floats) -> Floats:
    return np.asarray(np.concatenate((shape, _FREE_START)), np.float32)
