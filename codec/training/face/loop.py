"""Training, faces: the loop that all of the face's networks are trained by, on one process or several.

It counts time, not steps; averages the weights; scores the average on people it never sees; and writes a checkpoint
that it goes on from. Started by `torchrun`, each process trains on its own batches and gradients are averaged
(DistributedDataParallel; gloo on CPUs, NCCL on GPUs); the first of them scores and writes.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from codec.errors import WeightsError

__all__ = [
    "Checkpoint",
    "Lesson",
    "Schedule",
    "process_count",
    "process_rank",
    "read_checkpoint",
    "share_gradients",
    "start_processes",
    "stop_processes",
    "train",
    "wait_for_others",
]

_WARM_UP = 0.03  # of the time
# Whatever torch.load raises over a file that is something else.
_UNREADABLE = (OSError, EOFError, LookupError, TypeError, AttributeError, RuntimeError, ValueError, UnpicklingError)
_CLIP = 1.0  # norm of the gradients
_PATIENCE = timedelta(hours=12)  # with a process that scores or reads clips while the others wait


class Lesson(Protocol):
    """What is to be learnt: batches, a loss, scores."""

    name: str

    def loss(self, model: nn.Module, *, progress: float) -> Tensor:
        """Of one fresh batch; `progress` runs from 0 to 1."""
        ...

    def score(self, model: nn.Module) -> Mapping[str, float]:
        """On people that no batch shows."""
        ...

    def state(self) -> dict[str, Any]:
        """What it must remember beside the model to go on."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: minutes in all, peak rate, weight decay, seconds between scores."""

    minutes: float
    rate: float
    decay: float = 0.01
    average: float = 0.998
    score_s: float = 150.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What others read of a lesson's: its averaged network, minutes and steps so far, the log of its scores."""

    average: dict[str, Tensor]
    minutes: float
    steps: int
    log: list[dict[str, Any]]


def start_processes(device: str = "cpu") -> None:
    """Joins the group that torchrun has announced, if it has; each on a GPU of its own where they train on those."""
    if "RANK" not in os.environ or distributed.is_initialized():
        return
    if device == "cuda" and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl", timeout=_PATIENCE)
    else:
        distributed.init_process_group("gloo", timeout=_PATIENCE)


def stop_processes() -> None:
    """Leaves the group, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def process_rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def process_count() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def wait_for_others() -> None:
    """Until all processes are here."""
    if distributed.is_initialized():
        distributed.barrier()


def share_gradients(model: nn.Module) -> None:
    """The mean over processes, for a model that is trained beside the one in DistributedDataParallel."""
    if distributed.is_initialized():
        for parameter in model.parameters():
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
                parameter.grad /= distributed.get_world_size()


def read_checkpoint(folder: Path, name: str) -> Checkpoint | None:
    """The lesson's of that name, None where it has not begun. WeightsError where the file is something else."""
    path = folder / f"{name}.pt"
    if not path.is_file():
        return None
    held = _load(path)
    try:
        return Checkpoint(held["average"], held["spent_s"] / 60, held["steps"], held["log"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path} is no checkpoint of a lesson") from error


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"cannot resume from {path}: {reason}") from error


def train(
    lesson: Lesson,
    model: nn.Module,
    schedule: Schedule,
    *,
    folder: Path,
    say: Callable[[str], None],
    tick: Callable[[float], None] = lambda minutes: None,
) -> nn.Module:
    """Trains up to the schedule's end, from the folder's checkpoint where there is one; the averaged model.

    `tick` is told the minutes so far after every step.
    """
    run = _Run(lesson, model, schedule, folder / f"{lesson.name}.pt", say)
    run.resume()
    while run.progress < 1:
        run.step()
        tick(run.progress * schedule.minutes)
    if run.unscored:
        run.score()
    return run.average


class _Run:
    """One lesson under way."""

    def __init__(
        self, lesson: Lesson, model: nn.Module, schedule: Schedule, path: Path, say: Callable[[str], None]
    ) -> None:
        self._lesson, self._model, self._schedule, self._path, self._say = lesson, model, schedule, path, say
        self.average = deepcopy(model).eval().requires_grad_(False)
        self._optimiser = torch.optim.AdamW(model.parameters(), schedule.rate, weight_decay=schedule.decay)
        self._parallel: nn.Module = DistributedDataParallel(model) if distributed.is_initialized() else model
        self._spent_s, self._steps = 0.0, 0
        self._log: list[dict[str, Any]] = []
        self._losses: list[float] = []
        self._scored_s = 0.0

    @property
    def progress(self) -> float:
        return self._spent_s / (60 * self._schedule.minutes)

    @property
    def unscored(self) -> bool:
        """Whether it has learnt anything since the last score."""
        return self._spent_s > self._scored_s

    def step(self) -> None:
        started = time.monotonic()
        rate = (
            self._schedule.rate
            * min(1.0, (self.progress + 1e-4) / _WARM_UP)
            * (0.5 + 0.5 * math.cos(math.pi * min(1.0, self.progress)))
        )
        for group in self._optimiser.param_groups:
            group["lr"] = rate + 1e-6
        self._parallel.train()
        loss = self._lesson.loss(self._parallel, progress=self.progress)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._model.parameters(), _CLIP)
        self._optimiser.step()
        self._steps += 1
        self._losses.append(float(loss.detach()))
        self._follow()
        self._spent_s += self._agreed(time.monotonic() - started)
        if self._spent_s - self._scored_s > self._schedule.score_s:
            self.score()

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self._schedule.average, self._steps / (self._steps + 20))
        for ours, theirs in zip(self.average.state_dict().values(), self._model.state_dict().values(), strict=True):
            if ours.is_floating_point():
                ours.lerp_(theirs, 1 - decay)
            else:
                ours.copy_(theirs)

    def _agreed(self, seconds: float) -> float:
        """The same for all processes, so that they stop together."""
        if not distributed.is_initialized():
            return seconds
        shared = torch.tensor(seconds, device=next(self._model.parameters()).device)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return float(shared)

    def score(self) -> None:
        """Logs how the average does, and saves; the others wait, so that their clocks do not count it."""
        self._scored_s = self._spent_s
        if process_rank() == 0:
            self._log_scores()
        wait_for_others()

    def _log_scores(self) -> None:
        with torch.no_grad():
            scores = {name: round(value, 4) for name, value in self._lesson.score(self.average.eval()).items()}
        recent = self._losses[-200:]
        row = {
            "minutes": round(self._spent_s / 60, 2),
            "steps": self._steps,
            "processes": process_count(),
            "loss": round(sum(recent) / max(1, len(recent)), 5),
        }
        self._log.append({**row, **scores})
        self._say(
            f"{self._lesson.name} {row['minutes']:.1f} of {self._schedule.minutes:g} min: "
            + json.dumps({**row, **scores})
        )
        self._save()

    def _save(self) -> None:
        content = {
            "model": self._model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "spent_s": self._spent_s,
            "steps": self._steps,
            "log": self._log,
            "lesson": self._lesson.state(),
        }
        new = self._path.with_suffix(".new")
        try:
            torch.save(content, new)
            new.replace(self._path)
        except (OSError, RuntimeError) as error:
            raise WeightsError(f"cannot write {self._path}: {str(error).splitlines()[0]}") from error

    def resume(self) -> None:
        if not self._path.is_file():
            return
        held = _load(self._path)
        try:
            self._model.load_state_dict(held["model"])
            self.average.load_state_dict(held["average"])
            self._optimiser.load_state_dict(held["optimiser"])
            self._spent_s, self._steps, self._log = held["spent_s"], held["steps"], held["log"]
            self._lesson.load_state(held["lesson"])
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise WeightsError(f"cannot resume from {self._path}: {str(error).splitlines()[0]}") from error
        self._scored_s = self._spent_s
        torch.manual_seed(torch.initial_seed() + self._steps)  # else the batches of the beginning come again
