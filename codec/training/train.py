"""Training, the loop: stages by the clock, checkpoints, held-out scores, weights at the end."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from codec import weights
from codec.errors import ConfigError, WeightsError
from codec.networks import FaceModel
from codec.symbols import CodingTables
from codec.training import tables as counting
from codec.training.card import write_card
from codec.training.dataset import Dataset, find_clips, load, split
from codec.training.losses import SqueezeDistance
from codec.training.options import STAGES, StageName, TrainingOptions
from codec.training.steps import Step, make_step
from codec.training.validate import Validation, closed_loop, plot, read_dataset_frames

_CHECKPOINT_S = 60.0
_VALIDATIONS = 24
_WARM_UP = 200  # steps
_CLIP_NORM = 0.5
_COUNTED_CLIPS, _COUNTED_FRAMES = 40, 50


@dataclass(slots=True)
class State:
    """Where a run is: what a checkpoint stores beside the model."""

    spent_s: dict[str, float] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)


class Trainer:
    """One run. Everything it writes goes below options.out."""

    def __init__(self, options: TrainingOptions, *, console: Console) -> None:
        self._options = options
        self._console = console
        self._device = _device(options.device)
        if options.threads:
            torch.set_num_threads(options.threads)
        torch.manual_seed(options.seed)
        try:
            options.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot write to {options.out}: {error.strerror}") from error
        self._state = State()
        self._training, self._heldout = self._load()
        self._model, self._tables = self._start()
        self._perceptual = None
        if options.perceptual is not None:
            self._perceptual = SqueezeDistance(options.perceptual).to_device(self._device)

    def run(self) -> Path:
        """Trains, writes weights, card, log and plots; the path of the weights."""
        validation = Validation(self._heldout, device=self._device, perceptual=self._perceptual)
        total = sum(STAGES[name] for name in self._options.stages)
        with self._progress() as progress:
            for name in self._options.stages:
                seconds = 60 * self._options.minutes * STAGES[name] / total
                self._stage(name, seconds, validation, progress)
        return self._finish(validation)

    def _load(self) -> tuple[Dataset, Dataset]:
        like = None
        if self._options.start != "none":
            extractor = weights.load(self._options.start).model.motion_extractor
            like = (extractor.mean_shape.numpy(), extractor.basis.detach().numpy())
        files = find_clips(self._options.folders)
        if self._options.heldout is not None:
            held = find_clips([self._options.heldout])
        else:
            files, held = split(files)
        with self._progress() as progress:
            task = progress.add_task("reading clips", total=len(files) + len(held))
            parts = [
                load(part, size=256, per_clip=per_clip, like=like, tick=lambda: progress.advance(task))
                for part, per_clip in ((files, self._options.per_clip), (held, 10))
            ]
        self._console.print(f"{parts[0].frames} training frames, {parts[1].frames} held out")
        return parts[0], parts[1]

    def _start(self) -> tuple[FaceModel, CodingTables]:
        model, tables = FaceModel(), weights.default_coding_tables()
        if self._options.start != "none":
            loaded = weights.load(self._options.start)
            model.load_state_dict(loaded.model.state_dict())
            tables = loaded.tables
        elif self._training.labels is not None:
            extractor = model.motion_extractor
            extractor.mean_shape.copy_(torch.from_numpy(self._training.labels.mean_shape))
            extractor.basis.data.copy_(torch.from_numpy(self._training.labels.basis))
        if self._options.resume is not None:
            self._resume(model, self._options.resume)
        return model.to(self._device).train(), tables

    def _resume(self, model: FaceModel, path: Path) -> None:
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            model.load_state_dict(saved["model"])
            self._state = State(saved["spent_s"], saved["samples"], saved["log"])
        except (OSError, EOFError, KeyError, TypeError, RuntimeError, UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WeightsError(f"cannot resume from {path}: {reason}") from error

    def _stage(self, name: StageName, seconds: float, validation: Validation, progress: Progress) -> None:
        left = seconds - self._state.spent_s.get(name, 0.0)
        if left <= 0:
            return
        task = progress.add_task(f"{name}: preparing", total=None)
        step = make_step(
            name,
            self._model,
            self._training,
            self._tables,
            options=self._options,
            perceptual=self._perceptual,
            tick=lambda: progress.advance(task),
        )
        if step is None:
            progress.update(task, description=f"{name}: no labels, skipped", total=1, completed=1)
            return
        progress.update(task, description=name, total=seconds, completed=seconds - left)
        self._optimise(name, step, seconds, validation, progress, task)

    def _optimise(
        self, name: StageName, step: Step, seconds: float, validation: Validation, progress: Progress, task: TaskID
    ) -> None:
        parameters = [parameter for module, _ in step.parameters for parameter in module.parameters()]
        groups: list[dict[str, Any]] = [{"params": list(m.parameters()), "factor": f} for m, f in step.parameters]
        optimiser = torch.optim.AdamW(groups, lr=self._options.rate, weight_decay=1e-4)
        before = self._state.spent_s.get(name, 0.0)
        start = saved = time.monotonic()
        losses: list[float] = []
        steps, next_score = 0, before + 60
        while (spent := before + time.monotonic() - start) < seconds:
            rate = (
                self._options.rate
                * min(1, (steps + 1) / _WARM_UP)
                * (0.02 + 0.49 * (1 + np.cos(np.pi * spent / seconds)))
            )
            for group in optimiser.param_groups:
                group["lr"] = rate * group["factor"]
            losses.append(self._descend(step, optimiser, parameters))
            steps += 1
            self._state.samples[name] = self._state.samples.get(name, 0) + step.samples
            self._state.spent_s[name] = spent
            progress.update(task, completed=spent, description=f"{name} loss {np.mean(losses[-50:]):.3f}")
            if time.monotonic() - saved > _CHECKPOINT_S:
                self._save()
                saved = time.monotonic()
            if spent > next_score:
                self._score(name, float(np.mean(losses)), validation)
                losses, next_score = [], spent + max(60.0, seconds / _VALIDATIONS)
        if losses:
            self._score(name, float(np.mean(losses)), validation)
        self._save()

    def _descend(self, step: Step, optimiser: torch.optim.Optimizer, parameters: list[Any]) -> float:
        with torch.autocast(self._device.type, torch.bfloat16):
            loss = step.loss()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, _CLIP_NORM)
        optimiser.step()
        return float(loss.detach())

    def _score(self, name: StageName, loss: float, validation: Validation) -> None:
        self._model.eval()
        row: dict[str, Any] = {
            "stage": name,
            "minutes": sum(self._state.spent_s.values()) / 60,
            "samples": self._state.samples[name],
            "loss": loss,
            **asdict(validation.score(self._model)),
            **self._coded(clips=2, frames=25),
        }
        self._model.train()
        self._state.log.append(row)
        self._write_log()
        validation.write_grid(self._model, self._options.out / "grid.png")
        plot(self._state.log, self._options.out / "curves.png")
        shown = ", ".join(f"{k} {v:.3f}" for k, v in row.items() if isinstance(v, float))
        self._console.print(f"{name}: {shown}, samples {row['samples']}")

    def _finish(self, validation: Validation) -> Path:
        """Counts the tables on what this model really codes, then codes held-out clips with all of it."""
        self._model.eval()
        rough = self._write_weights("uncounted.safetensors")
        clips = read_dataset_frames(self._training, clips=_COUNTED_CLIPS, frames=_COUNTED_FRAMES)
        with self._progress() as progress:
            task = progress.add_task("counting symbols", total=len(clips))
            found = counting.collect(
                clips, self._tables, weights=str(rough), qps=(24, 32, 40), tick=lambda: progress.advance(task)
            )
        if found.motion and found.residual:
            self._tables = counting.fit(found, self._tables)
        rough.unlink()
        path = self._write_weights("model.safetensors")
        scores = {**asdict(validation.score(self._model)), **self._coded(clips=8, frames=100)}
        self._state.log.append({"stage": "end", **scores})
        self._write_log()
        write_card(
            self._options.out / "model.md",
            options=self._options,
            training=self._training,
            heldout=self._heldout,
            minutes={k: v / 60 for k, v in self._state.spent_s.items()},
            samples=self._state.samples,
            scores=scores,
        )
        return path

    def _coded(self, *, clips: int, frames: int) -> dict[str, float]:
        """What the codec makes of held-out clips with the model as it is now."""
        path = self._write_weights("scored.safetensors")
        figures = closed_loop(str(path), self._heldout, clips=clips, frames=frames)
        path.unlink()
        return figures

    def _write_weights(self, name: str) -> Path:
        path = self._options.out / name
        path.write_bytes(weights.serialize(self._model, self._tables, metadata={"name": path.stem}))
        return path

    def _write_log(self) -> None:
        (self._options.out / "log.json").write_text(json.dumps(self._state.log, indent=1) + "\n")

    def _save(self) -> None:
        path = self._options.out / "checkpoint.pt"
        state = self._state
        content = {
            "model": self._model.state_dict(),
            "spent_s": state.spent_s,
            "samples": state.samples,
            "log": state.log,
        }
        torch.save(content, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)  # a run that is killed here leaves the last whole checkpoint

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        return Progress(*columns, console=self._console, disable=not self._console.is_terminal)


def _device(name: str) -> torch.device:
    """ConfigError when this machine, or this build of torch, has no such device."""
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {name}: {str(error).splitlines()[0]}") from error
