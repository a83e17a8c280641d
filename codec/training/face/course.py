"""Training, faces: one run's clips, start and place, and its steps up to the last lesson.

Each step leaves its outcome in the run's folder and does nothing where that is there, so that a run goes on from
wherever it was stopped. Of several processes each reads its share of the training clips.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from codec.errors import ConfigError
from codec.networks.landmarks import FaceNetworks
from codec.networks.model import FaceModel
from codec.networks.store import model_of, serialize
from codec.networks.window_generator import WindowGenerator
from codec.training.data.dataset import ClipFile, find_clips, split
from codec.training.face.basis import fit_shape
from codec.training.face.drawing.recordings import MODES, record_clips
from codec.training.face.drawing.window_data import WindowSamples, cut_windows
from codec.training.face.drawing.windows import WindowLesson
from codec.training.face.faces import cut_faces
from codec.training.face.landmarks import lesson_of
from codec.training.face.loop import Lesson, process_count, process_rank, read_checkpoint, train, wait_for_others
from codec.training.face.options import FaceOptions
from codec.training.face.scores import HeldOut
from codec.training.face.start import model_so_far, reopened
from codec.training.materials import find_device, make_folder, progress_bar
from codec.training.stages.losses import SqueezeDistance
from codec.weights import files as weights

__all__ = ["Course", "begin", "fit", "learn_points", "learn_windows", "record"]

_SCORED_EVERY = 4  # frames, while it trains
_REOPENING_BATCHES = 8
_DRAWS = 2  # of references held, for each frame
_PERCEPTUAL_TAPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What every step works on."""

    options: FaceOptions
    console: Console
    device: torch.device
    training: Sequence[ClipFile]
    heldout: Sequence[ClipFile]
    start: weights.Weights
    perceptual: SqueezeDistance | None

    @property
    def share(self) -> Sequence[ClipFile]:
        """The training clips of this process; all of them where there are fewer clips than processes."""
        return self.training[process_rank() :: process_count()] or self.training

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def so_far(self) -> FaceModel:
        return model_so_far(self.options.out, self.start)


def begin(options: FaceOptions, *, console: Console) -> Course:
    """CodecErrors where a folder, device or weight file is not what it should be, or where PyAV would be missed."""
    if find_spec("av") is None and (needing := [name for name in ("record", "finish") if name in options.steps]):
        raise ConfigError(f"{' and '.join(needing)} run the encoder and need PyAV: leave them out by --steps")
    device, perceptual = find_device(options.device), None
    if options.perceptual is not None:
        perceptual = SqueezeDistance(options.perceptual, taps=_PERCEPTUAL_TAPS).to_device(device)
    if options.threads:
        torch.set_num_threads(options.threads)
    make_folder(options.out)
    training = find_clips(options.folders)
    if options.heldout is not None:
        heldout = find_clips([options.heldout])
    else:
        training, heldout = split(training)
    return Course(options, console, device, training, heldout, weights.load(options.start), perceptual)


def record(course: Course) -> None:
    """Runs the encoder over all clips that no recording is there of."""
    options, files = course.options, [*course.training, *course.heldout]
    share = files[process_rank() :: process_count()]
    workers = options.workers or max(1, (os.cpu_count() or 1) // process_count())
    with progress_bar(course.console) as progress:
        tick = partial(progress.advance, progress.add_task("recording clips", total=len(MODES) * len(share)))
        record_clips(share, options.recordings, seed=options.seed, workers=workers, weights=options.start, tick=tick)
    wait_for_others()
    course.say(f"record: {sum(1 for _ in options.recordings.glob('*.npz'))} recordings of {len(files)} clips")


def learn_points(course: Course, names: Sequence[str]) -> None:
    """The lessons of landmark networks that have minutes left."""
    names = [name for name in names if _has_minutes_left(course, name)]
    if not names:
        return
    with progress_bar(course.console) as progress:
        tick = partial(progress.advance, progress.add_task("cutting faces", total=len(course.share)))
        samples = cut_faces(course.share, every=course.options.every, tick=tick)
    course.say(f"{len(samples.whole)} faces of {len(course.share)} clips")
    for name in names:
        torch.manual_seed(course.options.seed)
        scorer = HeldOut(course.heldout, every=_SCORED_EVERY, networks=course.so_far().face)
        lesson = lesson_of(name, samples, scorer, device=course.device)
        _learn(course, lesson, _point_network(course, name, lesson.pictures))


def _point_network(course: Course, name: str, pictures: Callable[[], Tensor]) -> nn.Module:
    network: nn.Module = getattr(FaceNetworks(), name).to(course.device)
    if course.options.fresh:
        return network
    fused = getattr(model_of(course.start).face, name).to(course.device)
    return reopened(network, fused, (pictures() for _ in range(_REOPENING_BATCHES)))


def fit(course: Course) -> None:
    """The mean shape and the expression basis."""
    path = course.options.out / "shape.npz"
    if process_rank() == 0 and not path.is_file():
        shape = fit_shape(course.training)
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            np.savez(file, mean=shape.mean, basis=shape.basis, weight=shape.weight)
        new.replace(path)
    wait_for_others()
    course.say(f"shape: {path}")


def learn_windows(course: Course, names: Sequence[str]) -> None:
    """The lessons of windows' generators that have minutes left, on what the landmark networks so far make of clips."""
    names = [name for name in names if _has_minutes_left(course, name)]
    if not names:
        return
    options, perceptual = course.options, course.perceptual
    if perceptual is None:
        course.say("no --perceptual: mouth and eyes learn by pixels alone, and are drawn blurred where they are new")
    path = options.out / "landmarks.safetensors"
    if process_rank() == 0:
        path.write_bytes(serialize(course.so_far(), course.start.tables, metadata={"name": path.stem}))
    wait_for_others()
    training = _cut_windows(course, course.share, str(path), draws=_DRAWS)
    heldout = _cut_windows(course, course.heldout, str(path), draws=1)
    face = course.so_far().face
    for name in names:
        torch.manual_seed(options.seed)
        lesson = WindowLesson(
            name,
            training[name],
            heldout[name],
            perceptual=perceptual,
            points=getattr(face, f"{name}_points"),
            adversarial=perceptual is not None,
            seed=options.seed + process_rank(),
            device=course.device,
        )
        network = WindowGenerator()
        if not options.fresh:
            network.load_state_dict(getattr(model_of(course.start).windows, name).state_dict())
        _learn(course, lesson, network)


def _cut_windows(course: Course, files: Sequence[ClipFile], name: str, *, draws: int) -> dict[str, WindowSamples]:
    options = course.options
    with progress_bar(course.console) as progress:
        tick = partial(progress.advance, progress.add_task("cutting windows", total=len(files)))
        samples = cut_windows(files, options.recordings, weights=name, seed=options.seed, draws=draws, tick=tick)
    course.say(f"{len(samples['mouth'])} mouths and {len(samples['eye'])} eyes of {len(files)} clips")
    return samples


def _has_minutes_left(course: Course, name: str) -> bool:
    held, minutes = read_checkpoint(course.options.out, name), course.options.schedule(name).minutes
    if held is None or held.minutes < minutes:
        return True
    course.say(f"{name}: its {minutes:g} minutes are over")
    return False


def _learn(course: Course, lesson: Lesson, network: nn.Module) -> None:
    """Trains to the end of its minutes; other processes see other batches."""
    options, schedule = course.options, course.options.schedule(lesson.name)
    torch.manual_seed(options.seed + process_rank())
    network = network.to(course.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    with progress_bar(course.console) as progress:
        task = progress.add_task(lesson.name, total=schedule.minutes)
        train(
            lesson,
            network,
            schedule,
            folder=options.out,
            say=course.say,
            tick=lambda minutes: progress.update(task, completed=minutes),
        )
