"""Training, materials: what every command works on: clips in memory, the networks to start from, their tables."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from codec.bits.symbols import CodingTables
from codec.config import CodecConfig
from codec.errors import ConfigError
from codec.networks import FaceModel
from codec.networks.store import model_of
from codec.training.data import coded_references as coded
from codec.training.data.dataset import ClipFile, Dataset, find_clips, load, split
from codec.training.options import TrainingOptions
from codec.training.stages.losses import SqueezeDistance
from codec.weights import files as weights

_SIZE = 256
_HELD_OUT_FRAMES = 10
_FACE = ("face.", "windows.", "shape.")  # tensors that `python -m codec.training faces` trains


@dataclass(frozen=True, slots=True)
class Materials:
    """One run's data and its starting point."""

    options: TrainingOptions
    console: Console
    device: torch.device
    training: Dataset
    heldout: Dataset
    model: FaceModel
    tables: CodingTables
    perceptual: SqueezeDistance | None


def gather(options: TrainingOptions, *, console: Console) -> Materials:
    """Everything loaded. CodecErrors where a folder, shard, device or weight file is not what it should be."""
    device = find_device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    make_folder(options.out)
    perceptual = None if options.perceptual is None else SqueezeDistance(options.perceptual).to_device(device)
    start = None if options.start == "none" else weights.load(options.start)
    shipped = weights.load(CodecConfig().weights) if start is None else start
    training, heldout = _load(options, device, start, console)
    model = FaceModel()
    known = model_of(shipped).state_dict()
    if start is None:  # the face's networks have lessons of their own: they are the shipped ones
        known = {name: tensor for name, tensor in known.items() if name.startswith(_FACE)}
    model.load_state_dict(known, strict=start is not None)
    if start is None and training.labels is not None:
        model.motion_extractor.mean_shape.copy_(torch.from_numpy(training.labels.mean_shape))
        model.motion_extractor.basis.data.copy_(torch.from_numpy(training.labels.basis))
    tables = weights.default_coding_tables() if start is None else start.tables
    return Materials(options, console, device, training, heldout, model.to(device), tables, perceptual)


def prepare(options: TrainingOptions, *, console: Console) -> list[Path]:
    """Writes the shards that are missing; the new ones."""
    if options.shards is None:
        raise ConfigError("prepare needs --shards FOLDER to write to")
    training, heldout = _files(options)
    files = [*training, *heldout]
    with progress_bar(console) as progress:
        task = progress.add_task("coding references", total=len(files))
        workers = options.workers or os.cpu_count() or 1
        tick = partial(progress.advance, task)
        return coded.prepare(files, options.shards, _coding(options), workers=workers, tick=tick)


def make_folder(folder: Path) -> None:
    """ConfigError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from error


def progress_bar(console: Console) -> Progress:
    """A bar in a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _files(options: TrainingOptions) -> tuple[list[ClipFile], list[ClipFile]]:
    """Training clips, stills last, and held-out clips."""
    files = find_clips(options.folders)
    if options.heldout is not None:
        held = find_clips([options.heldout])
    else:
        files, held = split(files)
    if options.stills is not None:
        files = [*files, *find_clips([options.stills], still=True)]
    return files, held


def _coding(options: TrainingOptions) -> coded.CodingOptions:
    return coded.CodingOptions(
        size=_SIZE, per_clip=options.references, per_stills=options.still_references, seed=options.seed
    )


def _load(
    options: TrainingOptions, device: torch.device, start: weights.Weights | None, console: Console
) -> tuple[Dataset, Dataset]:
    like = None
    if start is not None:
        extractor = model_of(start).motion_extractor
        like = (extractor.mean_shape.numpy(), extractor.basis.detach().numpy())
    files = _files(options)
    if options.shards is not None:
        references = coded.read_references([*files[0], *files[1]], options.shards)
    with progress_bar(console) as progress:
        task = progress.add_task("reading clips", total=2 * (len(files[0]) + len(files[1])))
        tick = partial(progress.advance, task)
        if options.shards is None:
            references = coded.code_references([*files[0], *files[1]], _coding(options), tick=tick)
        training, heldout = (
            load(part, size=_SIZE, per_clip=per_clip, references=references, device=device, like=like, tick=tick)
            for part, per_clip in ((files[0], options.per_clip), (files[1], _HELD_OUT_FRAMES))
        )
    console.print(f"{training.frames} training frames, {heldout.frames} held out")
    return training, heldout


def find_device(name: str) -> torch.device:
    """ConfigError when this machine, or this build of torch, has no such device."""
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {name}: {str(error).splitlines()[0]}") from error
