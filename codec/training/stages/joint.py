"""Training, joint: all networks together on pictures, as the codec uses them.

References are coded ones, restored first; the motion carries quantisation noise at a random qp, and most samples have
a motion residual measured by optical flow and quantised like the encoder does; the others train the base layer to stand
alone. Towards the end of the stage what the motion costs, and how the picture looks, count more and more.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from codec.bits.quantizer import step_scale
from codec.bits.symbols import CodingTables
from codec.motion.residual import DIAGONALS
from codec.networks import FaceModel
from codec.networks.layers import full_precision, warp
from codec.training.data.augment import Similarity, colour_gain, random_warp
from codec.training.data.dataset import Dataset, to_tensor
from codec.training.data.optical_flow import measure_flow
from codec.training.data.pairs import PAIR_WIDTHS, PairBatch, clip_weights, coded_clips, near, teacher_confidence
from codec.training.stages.losses import SqueezeDistance, flow_loss, picture_loss
from codec.training.stages.rate_loss import MotionRate
from codec.training.stages.residual import quantised_residual

_RESIDUAL_SHARE = 0.65
_STILLS_SHARE = 0.15
_QPS = (24, 44)
_LOW_DIAGONALS = (4, 8, DIAGONALS)
_PERCEPTUAL_CROP = 128
_PERCEPTUAL_WEIGHT, _RATE_WEIGHT = 1.5, 0.001  # at the end; a bit costs about what the encoder's λ makes of it
_PERCEPTUAL_FLOOR = 0.3  # of its weight, from the start: without it, sharp weights first go soft
_RESTORATION_WEIGHT = 2.0  # of the restored reference against the clean one; the rest it learns through the warp
_RAMP = (0.2, 0.7)  # of the stage: where the perceptual and rate terms begin to grow, and where they count in full

_Row = tuple[
    int, Tensor, Tensor, Tensor, Tensor
]  # crf, coded reference, clean reference, driving frame, the one before


@dataclass(frozen=True, slots=True)
class JointBatch:
    """Coded reference, clean reference, driving frame and the one before it (B, 3, S, S) in [0, 1].

    crf (B,) is the quality index of each reference; moving (B,) is False for stills, which have no frame before.
    """

    reference: Tensor
    clean: Tensor
    driving: Tensor
    previous: Tensor
    crf: Tensor
    moving: Tensor


@dataclass(frozen=True, slots=True)
class Shown:
    """What a batch came out as: the restored reference, the flows, the picture, the driving motion."""

    reference: Tensor  # (B, 3, S, S)
    base: Tensor  # (B, 2, 64, 64)
    measured: Tensor  # (B, 2, 128, 128)
    warped: Tensor  # (B, 3, S, S) plain warp by base layer and residual
    picture: Tensor
    motion: Tensor  # (B, N) as extracted
    symbols: Tensor  # (B, 2, 16, 16) of the residual


class JointBatches:
    """Random (coded reference, driving frame) pairs; driving frames are mostly soon after their reference."""

    def __init__(self, dataset: Dataset, *, seed: int, device: torch.device, augmented: bool) -> None:
        self._clips, self._stills = coded_clips(dataset)
        self._weights = clip_weights(self._clips)
        self._random = np.random.default_rng(seed)
        self._device = device
        self._augmented = augmented

    def batch(self, count: int) -> JointBatch:
        stills = round(_STILLS_SHARE * count) if self._stills else 0
        moving = count - stills
        rows = [self._moving(int(n)) for n in self._random.choice(len(self._clips), moving, p=self._weights)]
        rows += [self._still() for _ in range(stills)]
        parts = [to_tensor(part) for part in zip(*(pictures for _, *pictures in rows), strict=True)]
        crf = torch.tensor([float(crf) for crf, *_ in rows], device=self._device)
        if stills:
            field = random_warp(stills, random=self._random, device=self._device)
            for part in parts[2:]:
                part[moving:] = warp(part[moving:], field)
        if self._augmented:
            gain = colour_gain(count, width=0.15, random=self._random, device=self._device)
            change = Similarity.draw(count, PAIR_WIDTHS, random=self._random, device=self._device)
            pictures = change.pictures(torch.cat([(part * gain).clamp(0, 1) for part in parts], 1))
            parts = [pictures[:, start : start + 3] for start in range(0, 12, 3)]
        coded, clean, driving, previous = (part.contiguous(memory_format=torch.channels_last) for part in parts)
        return JointBatch(coded, clean, driving, previous, crf, torch.arange(count, device=self._device) < moving)

    def _moving(self, number: int) -> _Row:
        clip = self._clips[number]
        first = int(self._random.choice(list(clip.references)))
        second = near(first, len(clip.frames), far_share=0.3, random=self._random)
        previous = max(0, second - int(self._random.integers(1, 3)))
        coded = clip.references[first]
        return coded.crf, coded.picture, clip.frames[first], clip.frames[second], clip.frames[previous]

    def _still(self) -> _Row:
        clip = self._stills[int(self._random.integers(len(self._stills)))]
        number = int(self._random.choice(list(clip.references)))
        coded, frame = clip.references[number], clip.frames[number]
        return coded.crf, coded.picture, frame, frame, frame


class Codec(nn.Module):
    """The networks as the codec chains them, differentiable but for the residual."""

    def __init__(self, model: FaceModel, tables: CodingTables) -> None:
        super().__init__()
        self.model = model
        self._residual_step = tables.residual_step
        self.steps: Tensor
        self.register_buffer("steps", torch.from_numpy(tables.motion_steps))

    def forward(self, batch: JointBatch, *, scale: Tensor, diagonals: Tensor, noise: bool) -> Shown:
        """scale (B,) of the quantiser steps; diagonals (B,) of the residual that are sent; rounding noise or not."""
        model = self.model
        reference = model.restoration(batch.reference, batch.crf)
        seen = reference.detach().clamp(0, 1)  # flow is not what restoration is for
        canonical, reference_motion = model.motion_extractor(batch.clean)
        _, motion = model.motion_extractor(batch.driving)
        rounding = torch.rand_like(motion) - 0.5 if noise else torch.zeros_like(motion)
        base, occlusion = model.base_flow(
            seen,
            canonical=canonical,
            reference_motion=reference_motion,
            driving_motion=motion + rounding * self.steps * scale[:, None],
        )
        measured = measure_flow(seen, batch.driving, start=base.detach())
        residual, symbols = quantised_residual(
            measured, base.detach(), batch.driving, step=self._residual_step * scale, diagonals=diagonals
        )
        with full_precision(base):
            flow = base + residual
        flow, occlusion = model.flow_refinement(reference, flow, occlusion)
        picture = model.generator(reference, features=model.appearance(reference), flow=flow, occlusion=occlusion)
        return Shown(reference, base, measured, warp(seen, flow.detach()), picture, motion, symbols)


class JointLoss:
    """The whole codec on one batch."""

    def __init__(
        self, model: FaceModel, tables: CodingTables, *, seed: int, perceptual: SqueezeDistance | None
    ) -> None:
        device = next(model.parameters()).device
        self._codec = Codec(model, tables).to(device)
        self._rate = MotionRate().to(device)
        self._random = np.random.default_rng(seed)
        self._perceptual = perceptual

    def __call__(self, batch: JointBatch, *, progress: float) -> Tensor:
        """progress 0 .. 1 through the stage."""
        late = float(np.clip((progress - _RAMP[0]) / (_RAMP[1] - _RAMP[0]), 0, 1))
        scale, diagonals = self._draw(batch.reference)
        shown = self._codec(batch, scale=scale, diagonals=diagonals, noise=True)
        loss = 10 * picture_loss(shown.picture, batch.driving) + flow_loss(shown.base, _teacher_pair(batch, shown))
        loss = loss + _RESTORATION_WEIGHT * picture_loss(shown.reference, batch.clean)
        if self._perceptual is not None:
            weight = _PERCEPTUAL_WEIGHT * (_PERCEPTUAL_FLOOR + (1 - _PERCEPTUAL_FLOOR) * late)
            loss = loss + weight * self._perceptual(*self._crop(shown.picture, batch.driving))
        return loss + late * _RATE_WEIGHT * self._bits(batch, shown.motion, scale)

    def _draw(self, where: Tensor) -> tuple[Tensor, Tensor]:
        """A quantiser scale and a number of coded diagonals a sample."""
        count = len(where)
        scales = [step_scale(int(qp)) for qp in self._random.integers(*_QPS, count)]
        diagonals = self._random.choice(_LOW_DIAGONALS, count) * (self._random.random(count) < _RESIDUAL_SHARE)
        return torch.tensor(scales, device=where.device), torch.from_numpy(diagonals).to(where.device)

    def _bits(self, batch: JointBatch, motion: Tensor, scale: Tensor) -> Tensor:
        """Mean bits a frame of the motion against the frame before, both seen through the quantiser's noise."""
        _, previous = self._codec.model.motion_extractor(batch.previous)
        difference = (motion - previous) / (self._codec.steps * scale[:, None])
        difference = difference + torch.rand_like(difference) - 0.5
        weight = batch.moving.float()
        bits: Tensor = self._rate(difference) * weight
        return bits.sum() / weight.sum().clamp_min(1)

    def _crop(self, *pictures: Tensor) -> list[Tensor]:
        room = pictures[0].shape[-1] - _PERCEPTUAL_CROP
        top, left = (int(value) for value in self._random.integers(0, max(1, room), 2))
        return [p[..., top : top + _PERCEPTUAL_CROP, left : left + _PERCEPTUAL_CROP] for p in pictures]


def _teacher_pair(batch: JointBatch, shown: Shown) -> PairBatch:
    """The measured flow as the teacher of the base layer."""
    empty = batch.reference.new_zeros(0)
    seen = shown.reference.detach()
    confidence = teacher_confidence(seen, batch.driving, shown.measured)
    return PairBatch(seen, batch.driving, empty, empty, empty, shown.measured, confidence)


def mean_psnr(pictures: Tensor, target: Tensor, *, cap_db: float = 50.0) -> Tensor:
    """Mean over the batch of each picture's PSNR in dB; two equal pictures say nothing, so there is a cap."""
    error = (pictures.float() - target).square().mean((1, 2, 3))
    psnr_db: Tensor = (-10 * torch.log10(error + 1e-10)).clamp(max=cap_db)
    return psnr_db.mean()
