"""Training, step 3: all networks together on pictures, as the codec uses them.

References are coded ones, the motion carries quantisation noise, and most samples have a motion residual measured by
optical flow and quantised like the encoder does; the others train the base layer to stand alone.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.networks import FaceModel
from codec.networks.layers import full_precision
from codec.quantizer import dequantize, quantize, step_scale
from codec.residual import COEFFICIENTS, FLOW_PICTURE, FlowEstimator, inverse, texture, to_grid, transform
from codec.symbols import CodingTables
from codec.training.coded import CodedClipReferences
from codec.training.dataset import Bytes, Dataset, to_tensor
from codec.training.losses import SqueezeDistance, flow_loss, picture_loss
from codec.training.pairs import FLOW_PICTURE as TEACHER_PICTURE
from codec.training.pairs import PairBatch, grey, teacher_confidence

_RESIDUAL_SHARE = 0.65
_QPS = (24, 44)
_LOW_DIAGONALS = (4, 8, 31)
_PERCEPTUAL_CROP = 128


@dataclass(frozen=True, slots=True)
class JointBatch:
    """Coded reference, clean reference and driving (B, 3, S, S); the pictures behind them for optical flow."""

    reference: Tensor
    clean: Tensor
    driving: Tensor
    reference_pictures: list[Bytes]
    driving_pictures: list[Bytes]


class JointBatches:
    """Random (coded reference, driving frame) pairs; driving frames are mostly soon after their reference."""

    def __init__(
        self, dataset: Dataset, references: list[CodedClipReferences], *, seed: int, device: torch.device
    ) -> None:
        self._clips = [pair for pair in zip(dataset.clips, references, strict=True) if pair[1].pictures]
        sizes = np.sqrt([len(clip.frames) for clip, _ in self._clips])
        self._weights = sizes / sizes.sum()
        self._random = np.random.default_rng(seed)
        self._device = device

    def batch(self, count: int) -> JointBatch:
        coded, clean, driving = [], [], []
        for number in self._random.choice(len(self._clips), count, p=self._weights):
            clip, references = self._clips[number]
            first = int(self._random.choice(list(references.pictures)))
            reach = len(clip.frames) if self._random.random() < 0.3 else max(2, len(clip.frames) // 4)
            second = int(np.clip(first + self._random.integers(-reach, reach + 1), 0, len(clip.frames) - 1))
            coded.append(references.pictures[first])
            clean.append(clip.frames[first])
            driving.append(clip.frames[second])
        gain = torch.from_numpy(self._random.uniform(0.85, 1.15, (count, 3, 1, 1)).astype(np.float32)).to(self._device)
        tensors = [(to_tensor(part, device=self._device) * gain).clamp(0, 1) for part in (coded, clean, driving)]
        return JointBatch(tensors[0], tensors[1], tensors[2], coded, driving)


class JointLoss:
    """The whole codec on one batch, differentiable but for the residual."""

    def __init__(
        self, model: FaceModel, tables: CodingTables, *, seed: int, perceptual: SqueezeDistance | None
    ) -> None:
        self._model = model
        self._tables = tables
        self._random = np.random.default_rng(seed)
        self._perceptual = perceptual
        self._flow = FlowEstimator()

    def __call__(self, batch: JointBatch) -> Tensor:
        device = batch.reference.device
        canonical, reference_motion = self._model.motion_extractor(batch.clean)
        _, driving_motion = self._model.motion_extractor(batch.driving)
        noise = torch.from_numpy(self._tables.motion_steps).to(device)
        driving_motion = driving_motion + (torch.rand_like(driving_motion) - 0.5) * noise
        base, occlusion = self._model.base_flow(
            batch.reference, canonical=canonical, reference_motion=reference_motion, driving_motion=driving_motion
        )
        measured, residual = self._residuals(batch, base.detach())
        with full_precision(base):
            flow = base + residual
        picture = self._model.generator(
            batch.reference, features=self._model.appearance(batch.reference), flow=flow, occlusion=occlusion
        )
        pair = _teacher_pair(batch, measured)
        loss = 10 * picture_loss(picture, batch.driving) + flow_loss(base, pair)
        if self._perceptual is not None:
            loss = loss + 1.5 * self._perceptual(*self._crop(picture, batch.driving))
        return loss

    def _residuals(self, batch: JointBatch, base: Tensor) -> tuple[Tensor, Tensor]:
        """Measured flow at 256x256 and the quantised residual at 64x64, (B, 2, ., .)."""
        flows, residuals = [], []
        fields = base.float().permute(0, 2, 3, 1).cpu().numpy()
        for reference, driving, field in zip(batch.reference_pictures, batch.driving_pictures, fields, strict=True):
            source, target = grey(reference, FLOW_PICTURE), grey(driving, FLOW_PICTURE)
            flow = self._flow.measure(source, target, start=field)
            flows.append(flow)
            residuals.append(self._quantised(flow, field, target))
        stacked = [torch.from_numpy(np.stack(part)).to(base.device) for part in (flows, residuals)]
        return stacked[0].permute(0, 3, 1, 2), stacked[1].permute(0, 3, 1, 2)

    def _quantised(
        self, flow: npt.NDArray[np.float32], base: npt.NDArray[np.float32], driving: Bytes
    ) -> npt.NDArray[np.float32]:
        if self._random.random() > _RESIDUAL_SHARE:
            return np.zeros_like(base)
        wide = cv2.resize(base, (FLOW_PICTURE, FLOW_PICTURE), interpolation=cv2.INTER_LINEAR)
        wanted = transform(to_grid(flow - wide, texture(driving)))
        step = np.float32(self._tables.residual_step * step_scale(int(self._random.integers(*_QPS)))) * np.ones(1)
        symbols = quantize(wanted, step=step.astype(np.float32), prediction=np.zeros(COEFFICIENTS, np.int32))
        u, v = np.indices(COEFFICIENTS[1:])
        symbols = np.where(u + v < self._random.choice(_LOW_DIAGONALS), symbols, 0).astype(np.int32)
        return inverse(dequantize(symbols, step=step.astype(np.float32)))

    def _crop(self, *pictures: Tensor) -> list[Tensor]:
        room = pictures[0].shape[-1] - _PERCEPTUAL_CROP
        top, left = (int(value) for value in self._random.integers(0, max(1, room), 2))
        return [p[..., top : top + _PERCEPTUAL_CROP, left : left + _PERCEPTUAL_CROP] for p in pictures]


def _teacher_pair(batch: JointBatch, measured: Tensor) -> PairBatch:
    """The measured flow as the teacher of the base layer."""
    empty = batch.reference.new_zeros(0)
    flow = torch.nn.functional.avg_pool2d(measured, FLOW_PICTURE // TEACHER_PICTURE)
    confidence = teacher_confidence(batch.reference, batch.driving, flow)
    return PairBatch(batch.reference, batch.driving, empty, empty, empty, flow, confidence)
