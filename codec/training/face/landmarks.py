"""Training, faces: the landmark networks, distilled from a face mesh's labels."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from codec.motion.landmarks import APERTURES, EYES, LANDMARKS, LIPS, MIRROR
from codec.networks.landmarks import EYE_POINTS, EYE_SIZE, FACE_SIZE, MOUTH_POINTS, MOUTH_SIZE
from codec.networks.layers import mixed_precision
from codec.training.face.augment import Crops, CropWidths
from codec.training.face.faces import FaceSamples

__all__ = ["BATCHES", "PointLesson", "Scorer", "lesson_of"]

BATCHES = {"landmarks": 48, "mouth_points": 64, "eye_points": 96}

_CPU = torch.device("cpu")
_KNEE = 0.02  # of the wing-like loss, in halves of the crop
_WHOLE = CropWidths(turn=0.2, scale=0.1, shift=0.06)
_MOUTH = CropWidths(turn=0.06, scale=0.06, shift=0.05)
_EYE = CropWidths(turn=0.06, scale=0.08, shift=0.08)


class Scorer(Protocol):
    """Scores a network on other people."""

    def __call__(self, name: str, model: nn.Module) -> Mapping[str, float]: ...


class PointLesson:
    """One network's: points of crops, with what opens and closes weighed on its own."""

    def __init__(
        self,
        name: str,
        crops: Crops,
        *,
        batch: int,
        weight: Tensor,
        pairs: tuple[Sequence[int], Sequence[int]],
        aspect: float,
        openings: float,
        scorer: Scorer,
    ) -> None:
        self.name = name
        self._crops, self._batch, self._weight, self._scorer = crops, batch, weight, scorer
        self._from, self._to = (torch.tensor(part) for part in pairs)
        self._openings = openings
        self._axes = torch.tensor([1.0, aspect])  # halves of the crop's height in those of its width

    def loss(self, model: nn.Module, *, progress: float) -> Tensor:
        pictures, points = self._crops.batch(self._batch)
        with mixed_precision(pictures.device):
            found = model(pictures.contiguous(memory_format=torch.channels_last))
        away = (found - points).abs()
        distance = (away[..., :2] * self._axes.to(away.device)).sum(-1) + 0.3 * away[..., 2:].sum(-1)
        wing = torch.log1p(distance / _KNEE) * _KNEE * 2  # Feng et al., CVPR 2018, without its linear part
        apart, wanted = self._apart(found), self._apart(points)
        loss: Tensor = (wing * self._weight.to(wing.device)).mean() + self._openings * (apart - wanted).abs().mean()
        return loss

    def pictures(self) -> Tensor:
        """Of one fresh batch, (B, 3, H, W) in [-1, 1]."""
        return self._crops.batch(self._batch)[0]

    def score(self, model: nn.Module) -> Mapping[str, float]:
        return self._scorer(self.name, model)

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Nothing is remembered but the network."""

    def _apart(self, points: Tensor) -> Tensor:
        between = points[:, self._from, :2] - points[:, self._to, :2]
        distance: Tensor = (between * self._axes.to(points.device)).norm(dim=-1)
        return distance


def lesson_of(name: str, samples: FaceSamples, scorer: Scorer, *, device: torch.device = _CPU) -> PointLesson:
    """The lesson of "landmarks", "mouth_points" or "eye_points"; its crops lie on the device."""
    if name == "landmarks":
        weight = torch.ones(LANDMARKS)
        weight[LIPS], weight[EYES] = 1.5, 2.0
        mirror, size = torch.from_numpy(np.array(MIRROR)), (FACE_SIZE, FACE_SIZE)
        crops = Crops(samples.whole, size=size, widths=_WHOLE, mirror=mirror, device=device)
        pairs, openings = APERTURES, 0.6
    elif name == "mouth_points":
        weight, size = torch.ones(MOUTH_POINTS), MOUTH_SIZE
        mirror = torch.from_numpy(np.array(MIRROR[:MOUTH_POINTS]))
        crops = Crops(samples.mouth, size=size, widths=_MOUTH, mirror=mirror, device=device)
        pairs, openings = _opposite(range(LIPS.start, LIPS.stop)), 1.0
    else:
        weight, size = torch.ones(EYE_POINTS), EYE_SIZE
        crops = Crops(samples.eye, size=size, widths=_EYE, mirror=None, device=device)
        pairs, openings = _opposite(range(EYES.start, EYES.start + EYE_POINTS - 1)), 1.0
    return PointLesson(
        name,
        crops,
        batch=BATCHES[name],
        weight=weight,
        pairs=pairs,
        aspect=size[1] / size[0],
        openings=openings,
        scorer=scorer,
    )


def _opposite(points: range) -> tuple[list[int], list[int]]:
    """The aperture pairs among some points, by their place in that range."""
    pairs = [(a, b) for a, b in zip(*APERTURES, strict=True) if a in points and b in points]
    return [a - points.start for a, _ in pairs], [b - points.start for _, b in pairs]
