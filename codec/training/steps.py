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
from codec.symbols import CodingTables
from codec.training.coded import code_references
from codec.training.dataset import Dataset
from codec.training.extractor import LabelledFrames, extractor_loss
from codec.training.joint import JointBatches, JointLoss
from codec.training.losses import SqueezeDistance, flow_loss
from codec.training.options import StageName, TrainingOptions
from codec.training.pairs import PairBatch, Pairs

_REFERENCES_PER_CLIP = 6
_MOTION_NOISE = 0.5  # steps, on label motion, so that dense motion learns to live with quantised numbers
_LABEL_WEIGHT = 0.2  # of the landmark loss in the joint stage: keypoints keep their meaning


@dataclass(frozen=True, slots=True)
class Step:
    """One stage: its parameters by learning-rate factor, and the loss of a fresh batch."""

    parameters: list[tuple[nn.Module, float]]
    loss: Callable[[], Tensor]
    samples: int


def make_step(
    name: StageName,
    model: FaceModel,
    dataset: Dataset,
    tables: CodingTables,
    *,
    options: TrainingOptions,
    perceptual: SqueezeDistance | None,
    tick: Callable[[], None],
) -> Step | None:
    """The stage of a name; None where the data cannot carry it."""
    if name == "extractor":
        return _extractor(model, dataset, options)
    if name == "dense":
        return _dense(model, dataset, tables, options)
    return _joint(model, dataset, tables, options, perceptual, tick)


def _extractor(model: FaceModel, dataset: Dataset, options: TrainingOptions) -> Step | None:
    if dataset.labels is None:
        return None
    frames = LabelledFrames(dataset, seed=options.seed + 1, device=torch.device(options.device))

    def loss() -> Tensor:
        return extractor_loss(model.motion_extractor, frames.batch(options.batch))[0]

    return Step([(model.motion_extractor.stem, 1), *_heads(model, 1)], loss, 2 * options.batch)


def _heads(model: FaceModel, factor: float) -> list[tuple[nn.Module, float]]:
    """Everything of the extractor but the expression basis, which the labels have fixed."""
    extractor = model.motion_extractor
    return [(extractor.hidden, factor), (extractor.motion, factor), (extractor.identity, factor)]


def _dense(model: FaceModel, dataset: Dataset, tables: CodingTables, options: TrainingOptions) -> Step:
    device = torch.device(options.device)
    pairs = Pairs(dataset, seed=options.seed + 2, device=device, labelled=True)
    steps = torch.from_numpy(tables.motion_steps).to(device) * _MOTION_NOISE

    def motions(pair: PairBatch) -> tuple[Tensor, Tensor, Tensor]:
        if dataset.labels is not None:
            return pair.canonical, pair.reference_motion, pair.driving_motion
        with torch.no_grad():
            canonical, reference = model.motion_extractor(pair.reference)
            return canonical, reference, model.motion_extractor(pair.driving)[1]

    def loss() -> Tensor:
        pair = pairs.batch(options.batch)
        canonical, reference, driving = motions(pair)
        noisy = [motion + torch.randn_like(motion) * steps for motion in (reference, driving)]
        flow, _ = model.base_flow(
            pair.reference, canonical=canonical, reference_motion=noisy[0], driving_motion=noisy[1]
        )
        return flow_loss(flow, pair)

    return Step([(model.dense_motion, 1)], loss, options.batch)


def _joint(
    model: FaceModel,
    dataset: Dataset,
    tables: CodingTables,
    options: TrainingOptions,
    perceptual: SqueezeDistance | None,
    tick: Callable[[], None],
) -> Step:
    device = torch.device(options.device)
    references = code_references(dataset, per_clip=_REFERENCES_PER_CLIP, seed=options.seed, tick=tick)
    batches = JointBatches(dataset, references, seed=options.seed + 3, device=device)
    whole = JointLoss(model, tables, seed=options.seed + 4, perceptual=perceptual)
    labelled = None
    if dataset.labels is not None:
        labelled = LabelledFrames(dataset, seed=options.seed + 5, device=device)

    def loss() -> Tensor:
        total = whole(batches.batch(options.batch))
        if labelled is not None:
            total = total + _LABEL_WEIGHT * extractor_loss(model.motion_extractor, labelled.batch(options.batch))[0]
        return total

    trained = [(model.motion_extractor.stem, 0.2), *_heads(model, 0.2), (model.dense_motion, 0.5)]
    return Step([*trained, (model.appearance, 1), (model.generator, 1)], loss, options.batch)
