"""Training, pairs: a reference and a driving frame of one clip, with measured optical flow as a teacher.

The teacher shows the warping field where pictures alone give a small network too weak a hint.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.networks.layers import resize, warp
from codec.training.data.augment import Mirror, Similarity, Widths, colour_gain
from codec.training.data.dataset import Clip, Dataset, to_tensor
from codec.training.data.optical_flow import MEASURED_SIZE, measure_flow

PAIR_WIDTHS = Widths(turn=0.15, zoom=0.15, shift=0.1, share=0.4)
_COLOUR = 0.2


@dataclass(frozen=True, slots=True)
class PairBatch:
    """reference, driving (B, 3, S, S) in [0, 1]; labels (zeros where there are none); teacher flow (B, 2, 128, 128)."""

    reference: Tensor
    driving: Tensor
    reference_motion: Tensor  # (B, N)
    driving_motion: Tensor  # (B, N)
    canonical: Tensor  # (B, K, 3)
    flow: Tensor
    confidence: Tensor  # (B, 1, 128, 128), near 1 where the teacher's warp looks like the driving frame


class Pairs:
    """Random pairs; half of them within a quarter of the clip, as references are in a call."""

    def __init__(self, dataset: Dataset, *, seed: int, device: torch.device) -> None:
        self._dataset = dataset
        self._random = np.random.default_rng(seed)
        self._device = device
        self._numbers = dataset.labelled_clips or dataset.moving_clips
        self._label_row = {clip: row for row, clip in enumerate(dataset.labelled_clips)}
        self._weights = clip_weights([dataset.clips[number] for number in self._numbers])
        labels = dataset.labels
        self._mirror = None if labels is None else Mirror.of(labels.mean_shape, labels.basis, device=device)

    def batch(self, count: int) -> PairBatch:
        references, drivings, labels = [], [], []
        for number in self._random.choice(self._numbers, count, p=self._weights):
            clip = self._dataset.clips[number]
            first, second = self._choose(clip)
            references.append(clip.frames[first])
            drivings.append(clip.frames[second])
            labels.append(self._motions(int(number), clip, first, second))
        motions = [torch.from_numpy(np.stack(part)).to(self._device) for part in zip(*labels, strict=True)]
        change = Similarity.draw(count, PAIR_WIDTHS, random=self._random, device=self._device)
        if self._mirror is not None:
            moved = [change.motion(motion, self._mirror) for motion in motions[:2]]
            motions = [*moved, change.canonical(motions[2], self._mirror)]
        gain = colour_gain(count, width=_COLOUR, random=self._random, device=self._device)
        reference, driving = (change.pictures((to_tensor(part) * gain).clamp(0, 1)) for part in (references, drivings))
        flow = measure_flow(reference, driving)
        confidence = teacher_confidence(reference, driving, flow)
        return PairBatch(reference, driving, motions[0], motions[1], motions[2], flow, confidence)

    def _choose(self, clip: Clip) -> tuple[int, int]:
        allowed = np.flatnonzero(clip.labelled) if self._mirror is not None else np.arange(len(clip.frames))
        first = int(self._random.integers(len(allowed)))
        second = near(first, len(allowed), far_share=0.5, random=self._random)
        return int(allowed[first]), int(allowed[second])

    def _motions(self, number: int, clip: Clip, first: int, second: int) -> tuple[npt.NDArray[np.float32], ...]:
        labels = self._dataset.labels
        if labels is None:
            empty = np.zeros(MOTION_NUMBERS, np.float32)
            return empty, empty, np.zeros((KEYPOINTS, 3), np.float32)
        row = self._label_row[number]
        motion = labels.motions[row]
        return motion[clip.indices[first]], motion[clip.indices[second]], labels.canonicals[row]


def coded_clips(dataset: Dataset) -> tuple[list[Clip], list[Clip]]:
    """The clips that have coded references: those that move, and stills."""
    coded = [clip for clip in dataset.clips if clip.references]
    return [clip for clip in coded if not clip.file.still], [clip for clip in coded if clip.file.still]


def clip_weights(clips: list[Clip]) -> npt.NDArray[np.float64]:
    """How often each clip is drawn: by the root of its length, so that a long one does not rule."""
    sizes = np.sqrt([len(clip.frames) for clip in clips])
    return np.asarray(sizes / sizes.sum())


def near(first: int, count: int, *, far_share: float, random: np.random.Generator) -> int:
    """A frame out of `count`, within a quarter of the clip of the first one but for a share of the draws."""
    reach = count if random.random() < far_share else max(2, count // 4)
    return int(np.clip(first + random.integers(-reach, reach + 1), 0, count - 1))


def teacher_confidence(reference: Tensor, driving: Tensor, flow: Tensor) -> Tensor:
    """Near 1 where the reference warped by the teacher looks like the driving picture, (B, 1, 128, 128)."""
    error = (warp(resize(reference, MEASURED_SIZE), flow) - resize(driving, MEASURED_SIZE)).abs().mean(1, keepdim=True)
    return torch.exp(-functional.avg_pool2d(error, 5, 1, 2) * 12)
