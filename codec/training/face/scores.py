"""Training, faces: how well landmark networks find people they never saw, through the codec's own tracking.

Each scored frame is looked at as in a call: from where the labels say that the face was in the frame before. Errors
are in percent of io, the distance between the outer corners of the eyes in the picture; an aperture's r is the mean of
Pearson's over clips in which it varies.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from codec.motion.landmarks import EYE_APERTURES, EYES, LEFT_CORNER, LIPS, MOUTH_APERTURE, RIGHT_CORNER
from codec.motion.tracking import CROP_SIZE, LandmarkNets, face_frame, find_landmarks
from codec.networks.landmarks import FaceNetworks
from codec.training.data.dataset import ClipFile, read_frames
from codec.training.face.faces import labelled
from codec.units import Array, Floats, Image

__all__ = ["HeldOut", "TorchNets", "score_landmarks"]

_FAILED_PERCENT = 8.0
_LEAST_FRAMES = 8  # for a correlation
_LEAST_DEVIATION = 0.01  # of the aperture, in io: below, a correlation is one with the labels' own noise


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One frame to be scored: the picture, the labels of the frame before, its own."""

    picture: Image
    before: Floats
    points: Floats


class TorchNets:
    """Landmark networks as the tracker asks for them, run by torch where they lie."""

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self._networks = networks

    def landmarks(self, crop: Image) -> Floats:
        return self._run("landmarks", crop)

    def mouth_points(self, crop: Image) -> Floats:
        return self._run("mouth_points", crop)

    def eye_points(self, crop: Image) -> Floats:
        return self._run("eye_points", crop)

    @torch.no_grad()
    def _run(self, name: str, crop: Image) -> Floats:
        network = self._networks[name]
        picture = torch.from_numpy(crop).to(next(network.parameters()).device).permute(0, 3, 1, 2)
        return np.asarray(network(picture.float() / 127.5 - 1)[0].cpu().numpy(), np.float32)


class HeldOut:
    """Scores one network on each `every`-th held-out frame, the other two as they are; reads clips when first asked."""

    def __init__(self, files: Sequence[ClipFile], *, every: int, networks: FaceNetworks) -> None:
        self._files, self._every, self._networks = files, every, networks
        self._clips: list[list[_Look]] | None = None

    def __call__(self, name: str, model: nn.Module) -> Mapping[str, float]:
        if self._clips is None:
            self._clips = [list(_looks(file, every=self._every)) for file in self._files]
        device = next(model.parameters()).device
        networks: dict[str, nn.Module] = dict(self._networks.to(device).named_children())
        return _scores(TorchNets(networks | {name: model}), self._clips)


def score_landmarks(
    nets: LandmarkNets, files: Sequence[ClipFile], *, tick: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """On every labelled frame of the clips."""

    def clips() -> Iterator[Iterator[_Look]]:
        for file in files:
            yield _looks(file, every=1)
            tick()

    return _scores(nets, clips())


def _looks(file: ClipFile, *, every: int) -> Iterator[_Look]:
    known = labelled(file)
    if known is None:
        return
    points, present = known
    frames = read_frames(file.path, size=256, limit=len(points))
    for index in range(1, min(len(frames), len(points)), every):
        if present[index] and present[index - 1]:
            yield _Look(frames[index], points[index - 1], points[index])


class _Watched:
    """Networks that remember what the first of them said of the whole face."""

    def __init__(self, nets: LandmarkNets) -> None:
        self.whole: Floats = np.zeros((0, 3), np.float32)
        self.mouth_points, self.eye_points = nets.mouth_points, nets.eye_points
        self._nets = nets

    def landmarks(self, crop: Image) -> Floats:
        self.whole = self._nets.landmarks(crop)
        return self.whole


def _scores(nets: LandmarkNets, clips: Iterable[Iterable[_Look]]) -> dict[str, float]:
    """Of what the codec finds; those called whole_ are of the whole-face network without a second look."""
    watched = _Watched(nets)
    found, whole, wanted = list[Array](), list[Array](), list[Array]()
    for clip in clips:
        rows = [(*_find(watched, look), look.points[:, :2]) for look in clip]
        if rows:
            parts = [np.stack(part) for part in zip(*rows, strict=True)]
            for kept, part in zip((found, whole, wanted), parts, strict=True):
                kept.append(part)
    if not wanted:
        return {}
    errors = np.concatenate([_errors(a, b) for a, b in zip(found, wanted, strict=True)])
    failed = {"failures_percent": 100 * float((errors.mean(1) > _FAILED_PERCENT).mean())}
    return _figures("", found, wanted) | failed | _figures("whole_", whole, wanted)


def _find(nets: _Watched, look: _Look) -> tuple[Array, Array]:
    """Points (112, 2) as the codec finds them, and as the whole-face network does."""
    frame, half = face_frame(look.before), CROP_SIZE / 2
    found = find_landmarks(nets, look.picture, frame)[:, :2]
    return found, (nets.whole[:, :2] * half + half) @ frame[:, :2].T + frame[:, 2]


def _figures(prefix: str, found: Sequence[Array], wanted: Sequence[Array]) -> dict[str, float]:
    errors = np.concatenate([_errors(a, b) for a, b in zip(found, wanted, strict=True)])
    figures = {
        "nme_percent": float(errors.mean()),
        "lips_percent": float(errors[:, LIPS].mean()),
        "eyes_percent": float(errors[:, EYES].mean()),
    }
    for name, pairs in (("mouth_r", (MOUTH_APERTURE,)), ("eye_r", EYE_APERTURES)):
        known = [r for a, b in zip(found, wanted, strict=True) if (r := _correlation(a, b, pairs)) is not None]
        if known:
            figures[name] = float(np.mean(known))
    return {prefix + name: value for name, value in figures.items()}


def _errors(found: Array, wanted: Array) -> Array:
    """(T, 112, 2) twice -> (T, 112) in percent of io."""
    return np.asarray(100 * np.linalg.norm(found - wanted, axis=-1) / _io(wanted)[:, None])


def _io(points: Array) -> Array:
    return np.asarray(np.linalg.norm(points[:, LEFT_CORNER] - points[:, RIGHT_CORNER], axis=-1))


def _correlation(found: Array, wanted: Array, pairs: Sequence[Sequence[int]]) -> float | None:
    """None where the wanted aperture hardly varies."""
    a, b = (
        np.mean([np.linalg.norm(points[:, top] - points[:, bottom], axis=-1) for top, bottom in pairs], 0) / _io(wanted)
        for points in (found, wanted)
    )
    if len(b) < _LEAST_FRAMES or b.std() < _LEAST_DEVIATION:
        return None
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 else 0.0
