"""Training, steps: the stages as losses over their own parameters and batches.

extractor    landmark labels alone (left out where no clip has labels)
dense        dense motion on label keypoints, or the extractor's own, towards optical flow
restoration  coded references towards the clean ones
generator    appearance, generator and flow refinement, on what the real encoder shows (left out where it cannot run)
joint        everything, on pictures coded as in a call
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from codec.networks import FaceModel
from codec.training.data.pairs import PairBatch, Pairs
from codec.training.materials import Materials
from codec.training.options import StageName
from codec.training.results.finish import write_weights
from codec.training.stages.extractor import LabelledFrames, extractor_loss
from codec.training.stages.generator import Recordings, generator_loss
from codec.training.stages.joint import JointBatches, JointLoss
from codec.training.stages.losses import flow_loss
from codec.training.stages.restoration import CodedPictures, restoration_loss

_MOTION_NOISE = 0.5  # steps, on label motion, so that dense motion learns to live with quantised numbers
_RESTORATION_RATE = 3.0  # against the peak learning rate: crops are many, and nothing else moves meanwhile
_LABEL_WEIGHT = 0.2  # of the landmark loss in the joint stage: keypoints keep their meaning


@dataclass(frozen=True, slots=True)
class Step:
    """One stage: its parameters by learning-rate factor, and the loss of a fresh batch at a progress of 0 .. 1."""

    parameters: list[tuple[nn.Module, float]]
    loss: Callable[[float], Tensor]
    samples: int
    spent_s: float = 0.0  # on preparing it, to be counted as the stage's


def make_step(name: StageName, materials: Materials, *, record_s: float) -> Step | str:
    """The stage of a name, or what it lacks. Recording for the generator may take `record_s` seconds."""
    if name == "extractor":
        return _extractor(materials)
    if name == "dense":
        return _dense(materials)
    if name == "restoration":
        return _restoration(materials)
    return _generator(materials, record_s) if name == "generator" else _joint(materials)


def recordings_folder(materials: Materials) -> Path:
    """Where recordings stay from one leg to the next."""
    return materials.options.out / "recorded"


def _extractor(materials: Materials) -> Step | str:
    if materials.training.labels is None:
        return "no labels"
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


def _restoration(materials: Materials) -> Step:
    options, network = materials.options, materials.model.restoration
    pictures = CodedPictures(materials.training, seed=options.seed + 6, device=materials.device)

    def loss(progress: float) -> Tensor:
        return restoration_loss(network, pictures.batch(options.batch), materials.perceptual)

    return Step([(network, _RESTORATION_RATE)], loss, options.batch)


def _generator(materials: Materials, record_s: float) -> Step | str:
    options, model, folder = materials.options, materials.model, recordings_folder(materials)
    if find_spec("av") is None or find_spec("constriction") is None:
        return "no PyAV or no range coder to run the encoder with"
    start = time.monotonic()
    _record(materials, folder, record_s)
    spent_s = min(time.monotonic() - start, record_s)
    if not any(folder.glob("*.npz")):
        return "no clip that is long enough"
    recordings = Recordings(folder, model.restoration, seed=options.seed + 7, device=materials.device)
    materials.console.print(f"generator: {len(recordings)} recorded frames")

    def loss(progress: float) -> Tensor:
        return generator_loss(model, recordings.batch(options.batch), materials.perceptual, at=recordings.place())

    return Step(_drawing(model), loss, options.batch, spent_s)


def _record(materials: Materials, folder: Path, seconds: float) -> None:
    from codec.training.data.recording import record  # here, because a machine that only trains may lack PyAV

    options, dataset = materials.options, materials.training
    files = [dataset.clips[number].file for number in dataset.moving_clips]
    weights = write_weights(options.out / "recording.safetensors", materials.model, materials)
    workers = options.workers or os.cpu_count() or 1
    record(files, folder, weights=weights, seconds=seconds, workers=workers, seed=options.seed)
    weights.unlink()


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
    return Step([*trained, (model.restoration, 1), *_drawing(model)], loss, options.batch)


def _drawing(model: FaceModel) -> list[tuple[nn.Module, float]]:
    """What draws a frame, with the share of the rate that each learns at."""
    return [(model.appearance, 1), (model.generator, 1), (model.flow_refinement, 2)]
