"""Training, the loop: stages by the clock, checkpoints, held-out scores, all inside a limit of wall time."""

import shutil
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from rich.progress import Progress, TaskID

from codec.networks.layers import mixed_precision
from codec.training.checkpoint import Average, State, resume, save
from codec.training.materials import Materials, progress_bar
from codec.training.options import STAGES, StageName
from codec.training.results.finish import coded_score, write_log, write_weights
from codec.training.results.validation import Validation, plot
from codec.training.steps import Step, make_step, recordings_folder

_CHECKPOINT_S = 60.0
_SCORES = 24  # in a stage, at most
_WARM_UP = 200  # steps
_CLIP_NORM = 0.5
_RECORDING_SHARE = 0.3  # of the generator stage, at most, goes into running the encoder
_PACE = 10  # steps between looks at clock and loss on a device that works while we go on: a look waits for it
_ENDING_S = 10.0  # what a score and a checkpoint take, until the first of them has been timed
_MARGIN_S = 5.0


class Trainer:
    """One run, or one leg of it. Everything it writes goes below options.out."""

    def __init__(self, materials: Materials, *, started: float) -> None:
        """`started` is when the limit began to run, on time.monotonic's clock."""
        self._materials = materials
        self._options = materials.options
        self._model = materials.model.train()
        self._average = Average(materials.model, decay=self._options.average)
        self._state = State()
        self._remembered: dict[str, Any] | None = None
        if self._options.checkpoint is not None:
            self._state, self._remembered = resume(
                self._options.checkpoint, model=self._model, average=self._average.model
            )
        else:
            shutil.rmtree(recordings_folder(materials), ignore_errors=True)  # of another run
        self._pace = 1 if materials.device.type == "cpu" else _PACE
        self._timed = False
        self._deadline = started + self._options.limit_s if self._options.limit_s else np.inf
        self._ending_s = _ENDING_S
        self._validation = Validation(
            materials.heldout, materials.tables, device=materials.device, perceptual=materials.perceptual
        )
        known = self._state.log if (self._options.out / "best.safetensors").is_file() else []
        self._best = max((row["score"] for row in known if row["stage"] == "joint"), default=-np.inf)

    def run(self) -> bool:
        """Trains; False where the limit came before the minutes were over."""
        if self._materials.device.type == "cuda":
            self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        total = sum(STAGES[name] for name in self._options.stages)
        with progress_bar(self._materials.console) as progress:
            for name in self._options.stages:
                seconds = 60 * self._options.minutes * STAGES[name] / total
                if not self._stage(name, seconds, progress):
                    return False
        return True

    def _stage(self, name: StageName, seconds: float, progress: Progress) -> bool:
        before = self._state.spent_s.get(name, 0.0)
        if before >= seconds:
            return True
        step = make_step(name, self._materials, record_s=self._record_s(seconds, before))
        if isinstance(step, str):
            self._say(f"{name}: {step}, skipped")
            return True
        self._state.spent_s[name] = before + step.spent_s
        if self._options.compile:
            self._compile(step)
        task = progress.add_task(name, total=seconds, completed=int(before))
        done = self._optimise(name, step, seconds, progress, task)
        if done and name == "generator":
            shutil.rmtree(recordings_folder(self._materials), ignore_errors=True)
        return done

    def _record_s(self, seconds: float, before: float) -> float:
        """How long the encoder may still be run for a stage of so many seconds, of which some are over."""
        kept = any(recordings_folder(self._materials).glob("*.npz"))
        left = self._deadline - self._ending_s - 2 * _MARGIN_S - time.monotonic()  # a clip begun is finished
        return max(0.0, min(_RECORDING_SHARE * seconds - (before if kept else 0), left))

    def _optimise(self, name: StageName, step: Step, seconds: float, progress: Progress, task: TaskID) -> bool:
        optimiser, warm_up = self._optimiser(name, step)
        every = max(self._options.score_s, seconds / _SCORES)
        before, saved = self._state.spent_s.get(name, 0.0), time.monotonic()
        spent, next_score, steps, losses = before, before + every, 0, list[float]()
        start = time.monotonic()
        while spent < seconds and not self._out_of_time():
            _set_rate(optimiser, self._options.rate * min(1.0, (steps + 1) / warm_up) * _cosine(spent / seconds))
            losses.append(self._burst(step, optimiser, spent / seconds))
            steps += self._pace
            spent = before + time.monotonic() - start
            self._state.samples[name] = self._state.samples.get(name, 0) + step.samples * self._pace
            self._state.spent_s[name] = spent
            progress.update(task, completed=spent, description=f"{name} loss {np.mean(losses[-50:]):.3f}")
            if spent > next_score and spent < seconds:
                start += self._score(name, losses, optimiser)
                losses, next_score, saved = [], spent + every, time.monotonic()
            elif time.monotonic() - saved > _CHECKPOINT_S:
                start += self._save(name, optimiser)
                saved = time.monotonic()
        if steps:
            rate = (spent - before) / steps * 1000
            self._say(f"{name}: {step.samples / rate * 1000:.0f} samples a second, {rate:.1f} ms a step")
            if losses:  # else the last step has its score
                self._score(name, losses, optimiser)
        elif step.spent_s or not (self._options.out / "checkpoint.pt").is_file():
            self._save(name, optimiser)
        return spent >= seconds

    def _optimiser(self, name: StageName, step: Step) -> tuple[torch.optim.AdamW, int]:
        """A fresh optimiser, or the one that the checkpoint remembers of this stage; steps to warm up."""
        groups: list[dict[str, Any]] = [{"params": list(m.parameters()), "factor": f} for m, f in step.parameters]
        optimiser = torch.optim.AdamW(
            groups, lr=self._options.rate, weight_decay=1e-4, fused=self._materials.device.type == "cuda"
        )
        remembered, self._remembered = self._remembered, None
        if remembered is None or remembered["stage"] != name:
            return optimiser, _WARM_UP
        optimiser.load_state_dict(remembered["state"])
        return optimiser, 1

    def _burst(self, step: Step, optimiser: torch.optim.Optimizer, progress: float) -> float:
        """A few steps, then one look at the loss, which waits for the device. A loss that is no number is undone."""
        total = torch.zeros((), device=self._materials.device)
        for _ in range(self._pace):
            with mixed_precision(self._materials.device):
                loss = step.loss(progress)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, _CLIP_NORM)
            optimiser.step()
            total += loss.detach()
        mean = float(total) / self._pace
        if not np.isfinite(mean):
            self._say("the loss is no number: back to the averaged weights")
            self._model.load_state_dict(self._average.model.state_dict())
            optimiser.state.clear()
            return 0.0
        self._average.update(self._model, steps=self._pace)
        return mean

    def _score(self, name: StageName, losses: list[float], optimiser: torch.optim.Optimizer) -> float:
        """Scores the averaged weights, keeps the best of the joint stage, writes log and plots; seconds it took."""
        start, model, out = time.monotonic(), self._average.model, self._options.out
        scores = self._validation.score(model)
        row: dict[str, Any] = {
            "stage": name,
            "minutes": sum(self._state.spent_s.values()) / 60,
            "samples": dict(self._state.samples),
            "loss": float(np.mean(losses)),
            "score": scores.score,
            **asdict(scores),
        }
        if self._options.closed_loop:
            row |= coded_score(model, self._materials, clips=2, frames=25)
        if name == "joint" and scores.score > self._best:
            self._best = scores.score
            write_weights(out / "best.safetensors", model, self._materials)
        self._state.log.append(row)
        write_log(out, self._state)
        self._validation.write_grid(model, out / "grid.png")
        plot(self._state.log, out / "curves.png")
        shown = ", ".join(f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float))
        self._say(f"{name}: {shown}, samples {self._state.samples[name]}")
        self._save(name, optimiser)
        self._ending_s = max(self._ending_s if self._timed else 0.0, time.monotonic() - start)
        self._timed = True
        return time.monotonic() - start

    def _save(self, name: StageName, optimiser: torch.optim.Optimizer) -> float:
        """Writes the checkpoint; seconds it took."""
        start = time.monotonic()
        save(
            self._options.out / "checkpoint.pt",
            self._state,
            model=self._model,
            average=self._average.model,
            optimiser={"stage": name, "state": optimiser.state_dict()},
            light=self._options.light_checkpoints,
        )
        return time.monotonic() - start

    def _out_of_time(self) -> bool:
        """Whether what is left of the limit is needed for the last score and checkpoint."""
        return time.monotonic() + self._ending_s + _MARGIN_S > self._deadline

    def _compile(self, step: Step) -> None:
        """Compiles the networks in place and tries them on a batch; they stay as they were where that fails."""
        parts = [part for part in self._model.children() if isinstance(part, torch.nn.Module)]
        try:
            for part in parts:
                part.compile()
            with mixed_precision(self._materials.device):
                step.loss(0.0).backward()  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever compilers raise: training goes on without them
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            self._say(f"torch.compile failed, going on without: {reason}")
            for part in parts:
                part._compiled_call_impl = None
        self._model.zero_grad(set_to_none=True)

    def _say(self, text: str) -> None:
        self._materials.console.print(text)


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


def _cosine(progress: float) -> float:
    return float(0.02 + 0.49 * (1 + np.cos(np.pi * progress)))
