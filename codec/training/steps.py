"""Training, steps: the three stages as losses over their own parameters and batches.

extractor   landmark labels alone (skipped where no clip has labels)
dense       dense motion on label keypoints, or the extractor's own, towards optical flow
joint       everything, on pictures coded as in a call
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codec.networks import FaceModel
from codec.training.extractor import LabelledFrames, extractor_loss
from codec.training.joint import JointBatches, JointLoss
from codec.training.losses import flow_loss
from codec.training.materials import Materials
from codec.training.options import StageName
from codec.training.pairs import PairBatch, Pairs

_MOTION_NOISE = 0.5  # steps, on label motion, so that dense motion learns to live with quantised numbers
_LABEL_WEIGHT = 0.2  # of the landmark loss in the joint stage: keypoints keep their meaning


@dataclass(frozen=True, slots=True)
class Step:
    """One stage: its parameters by learning-rate factor, and the loss of a fresh batch at a progress of 0 .. 1."""

    parameters: list[tuple[nn.Module, float]]
    loss: Callable[[float], Tensor]
    samples: int


def make_step(name: StageName, materials: Materials) -> Step | None:
    """The stage of a name; None where the data cannot carry it."""
    if name == "extractor":
        return _extractor(materials)
    return _dense(materials) if name == "dense" else _joint(materials)


def _extractor(materials: Materials) -> Step | None:
    if materials.training.labels is None:
        return None
    options, model = materials.options, materials.model
    frames = LabelledFrames(materials.training, seed=options.seed + 1, device=materials.device)

    def loss(progress: float) -> Tensor:
        return extractor_loss(model.motion_extractor, frames.batch(options.batch))[0]

    return Step([(model.motion_extractor.stem, 1), *_heads(model, 1)], loss, 2 * options.batch)


def _heads(model: FaceModel, factor: float) -> list[tuple[nn.Module, float]]:
    """Everything of the extractor but the expression basis, which the labels have fixed."""
    extractor = model.motion_extractor
    return [(extractor.hidden, factor), (extractor.motion, factor), (extractor.identity, factor)]


def _dense(materials: Materials) -> Step:
    options, model = materials.options, materials.model
    pairs = Pairs(materials.training, seed=options.seed + 2, device=materials.device)
    steps = torch.from_numpy(materials.tables.motion_steps).to(materials.device) * _MOTION_NOISE

    def motions(pair: PairBatch) -> tuple[Tensor, Tensor, Tensor]:
        if materials.training.labels is not None:
            return pair.canonical, pair.reference_motion, pair.driving_motion
        with torch.no_grad():
            canonical, reference = model.motion_extractor(pair.reference)
            return canonical, reference, model.motion_extractor(pair.driving)[1]

    def loss(progress: float) -> Tensor:
        pair = pairs.batch(options.batch)
        canonical, reference, driving = motions(pair)
        noisy = [motion + torch.randn_like(motion) * steps for motion in (reference, driving)]
        flow, _ = model.base_flow(
            pair.reference, canonical=canonical, reference_motion=noisy[0], driving_motion=noisy[1]
        )
        return flow_loss(flow, pair)

    return Step([(model.dense_motion, 1)], loss, options.batch)


def _joint(materials: Materials) -> Step:
    options, model, dataset, device = materials.options, materials.model, materials.training, materials.device
    batches = JointBatches(dataset, seed=options.seed + 3, device=device, augmented=True)
    whole = JointLoss(model, materials.tables, seed=options.seed + 4, perceptual=materials.perceptual)
    labelled = None
    if dataset.labels is not None:
        labelled = LabelledFrames(dataset, seed=options.seed + 5, device=device)

    def loss(progress: float) -> Tensor:
        total = whole(batches.batch(options.batch), progress=progress)
        if labelled is not None:
            total = total + _LABEL_WEIGHT * extractor_loss(model.motion_extractor, labelled.batch(options.batch))[0]
        return total

    trained = [(model.motion_extractor.stem, 0.2), *_heads(model, 0.2), (model.dense_motion, 0.5)]
    return Step([*trained, (model.appearance, 1), (model.generator, 1)], loss, options.batch)
