"""Training, checkpoints: where a run stands, on disk; and the running average of its weights."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from codec.errors import WeightsError
from codec.networks import FaceModel


@dataclass(slots=True)
class State:
    """How far a run has come: seconds and samples by stage, the log of its scores."""

    spent_s: dict[str, float] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)


class Average:
    """The exponential moving average of a model's weights, as a model of its own.

    Early on it is a plain mean of what there was, so that a short run is not dominated by where it began.
    """

    def __init__(self, model: FaceModel, *, decay: float) -> None:
        device = next(model.parameters()).device
        self.model = FaceModel().to(device).eval().requires_grad_(False)
        self.model.load_state_dict(model.state_dict())
        self._decay = decay
        self._steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module, *, steps: int) -> None:
        """To be called after every so many steps of the optimiser."""
        self._steps += steps
        decay = min(self._decay, self._steps / (self._steps + 10)) ** steps
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
        for ours, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            ours.copy_(theirs)


def save(
    path: Path, state: State, *, model: nn.Module, average: nn.Module, optimiser: dict[str, Any] | None, light: bool
) -> None:
    """Written beside the old one first: a run that is killed here leaves the last whole checkpoint.

    A light checkpoint holds the averaged weights in half precision and nothing to go on with but them.
    """
    content: dict[str, Any] = asdict(state)
    if light:
        content["average"] = {key: value.half() for key, value in average.state_dict().items()}
    else:
        content |= {"average": average.state_dict(), "model": model.state_dict(), "optimiser": optimiser}
    new = path.with_suffix(".new")
    try:
        torch.save(content, new)
        new.replace(path)
    except (OSError, RuntimeError) as error:  # torch wraps a full disk in a RuntimeError
        raise WeightsError(f"cannot write {path}: {str(error).splitlines()[0]}") from error


def resume(path: Path, *, model: nn.Module, average: nn.Module) -> tuple[State, dict[str, Any] | None]:
    """Loads both models; the state, and what the optimiser remembered where that was kept."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        average.load_state_dict(saved["average"])
        model.load_state_dict(saved.get("model", saved["average"]))
        return State(saved["spent_s"], saved["samples"], saved["log"]), saved.get("optimiser")
    except (OSError, EOFError, KeyError, TypeError, AttributeError, RuntimeError, UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"cannot resume from {path}: {reason}") from error
