"""Training, pairs: a reference and a driving frame of one clip, with dense optical flow as a teacher.

The teacher is DIS optical flow (Kroeger et al., ECCV 2016), which OpenCV carries: it shows the warping field where
pictures alone give a small network too weak a hint.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from codec.motion import MOTION_NUMBERS
from codec.networks.layers import resize, warp
from codec.training.dataset import Bytes, Clip, Dataset, to_tensor

FLOW_PICTURE = 128  # side at which the teacher looks


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

    def __init__(self, dataset: Dataset, *, seed: int, device: torch.device, labelled: bool) -> None:
        self._dataset = dataset
        self._random = np.random.default_rng(seed)
        self._device = device
        self._labelled = labelled and dataset.labels is not None
        self._numbers = dataset.labelled_clips if self._labelled else tuple(range(len(dataset.clips)))
        self._label_row = {clip: row for row, clip in enumerate(dataset.labelled_clips)}
        sizes = np.sqrt([len(dataset.clips[number].frames) for number in self._numbers])
        self._weights = sizes / sizes.sum()
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def batch(self, count: int, *, teacher: bool = True) -> PairBatch:
        references, drivings, labels = [], [], []
        for number in self._random.choice(self._numbers, count, p=self._weights):
            clip = self._dataset.clips[number]
            first, second = self._choose(clip)
            references.append(clip.frames[first])
            drivings.append(clip.frames[second])
            labels.append(self._motions(int(number), clip, first, second))
        motions = [torch.from_numpy(np.stack(part)).to(self._device) for part in zip(*labels, strict=True)]
        reference, driving = (to_tensor(part, device=self._device) for part in (references, drivings))
        reference, driving = self._colour(reference, driving)
        if teacher:
            flow, confidence = self._teach(references, drivings)
        else:
            flow = torch.zeros(count, 2, 1, 1, device=self._device)
            confidence = torch.zeros(count, 1, 1, 1, device=self._device)
        return PairBatch(reference, driving, motions[0], motions[1], motions[2], flow, confidence)

    def _choose(self, clip: Clip) -> tuple[int, int]:
        allowed = np.flatnonzero(clip.labelled) if self._labelled else np.arange(len(clip.frames))
        first = int(self._random.integers(len(allowed)))
        reach = len(allowed) if self._random.random() < 0.5 else max(2, len(allowed) // 4)
        second = int(np.clip(first + self._random.integers(-reach, reach + 1), 0, len(allowed) - 1))
        return int(allowed[first]), int(allowed[second])

    def _motions(self, number: int, clip: Clip, first: int, second: int) -> tuple[npt.NDArray[np.float32], ...]:
        labels = self._dataset.labels
        if not self._labelled or labels is None:
            empty = np.zeros(MOTION_NUMBERS, np.float32)
            return empty, empty, np.zeros((1, 3), np.float32)
        row = self._label_row[number]
        motion = labels.motions[row]
        return motion[clip.indices[first]], motion[clip.indices[second]], labels.canonicals[row]

    def _colour(self, reference: Tensor, driving: Tensor) -> tuple[Tensor, Tensor]:
        """The same gain a channel for both pictures: identities are few, lights and skins are not."""
        gain = torch.from_numpy(self._random.uniform(0.8, 1.2, (len(reference), 3, 1, 1)).astype(np.float32))
        gain = gain.to(reference.device)
        return (reference * gain).clamp(0, 1), (driving * gain).clamp(0, 1)

    def _teach(self, references: list[Bytes], drivings: list[Bytes]) -> tuple[Tensor, Tensor]:
        flows = [self._dense_flow(a, b) for a, b in zip(references, drivings, strict=True)]
        flow = torch.from_numpy(np.stack(flows)).to(self._device).permute(0, 3, 1, 2)
        before, after = (to_tensor(part, device=self._device) for part in (references, drivings))
        return flow, teacher_confidence(before, after, flow)

    def _dense_flow(self, reference: Bytes, driving: Bytes) -> npt.NDArray[np.float32]:
        start, end = grey(driving, FLOW_PICTURE), grey(reference, FLOW_PICTURE)
        flow = self._flow.calc(start, end, np.zeros((FLOW_PICTURE, FLOW_PICTURE, 2), np.float32))
        return np.asarray(flow / (FLOW_PICTURE / 2), np.float32)


def teacher_confidence(reference: Tensor, driving: Tensor, flow: Tensor) -> Tensor:
    """Near 1 where the reference warped by the teacher looks like the driving picture, (B, 1, 128, 128)."""
    error = (warp(resize(reference, FLOW_PICTURE), flow) - resize(driving, FLOW_PICTURE)).abs().mean(1, keepdim=True)
    return torch.exp(-functional.avg_pool2d(error, 5, 1, 2) * 12)


def grey(picture: Bytes, size: int) -> Bytes:
    """(S, S, 3) -> (size, size)."""
    if picture.shape[0] != size:
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
