"""Training, faces: where each step starts: the weights so far, and landmark networks opened up for training again."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from codec.errors import WeightsError
from codec.networks import FaceModel
from codec.networks.landmarks import FaceNetworks, NormalConv
from codec.networks.store import model_of
from codec.training.face.loop import read_checkpoint
from codec.training.face.options import POINT_LESSONS, WINDOW_LESSONS
from codec.weights.files import Weights

__all__ = ["model_so_far", "reopened"]


def model_so_far(folder: Path, start: Weights) -> FaceModel:
    """The start's networks, with what the lessons of a folder have learnt up to now in their place."""
    model = model_of(start)
    points = FaceNetworks().eval().requires_grad_(False)
    learnt = []
    try:
        for name in POINT_LESSONS:
            if (held := read_checkpoint(folder, name)) is not None:
                getattr(points, name).load_state_dict(held.average)
                learnt.append(name)
        points.fused()
        for name in learnt:
            setattr(model.face, name, getattr(points, name))
        for name in WINDOW_LESSONS:
            if (held := read_checkpoint(folder, name)) is not None:
                getattr(model.windows, name).load_state_dict(held.average)
        if (folder / "shape.npz").is_file():
            with np.load(folder / "shape.npz", allow_pickle=False) as shape:
                model.shape.load_state_dict({part: torch.from_numpy(shape[part]) for part in shape.files})
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"what lies in {folder} does not fit: {str(error).splitlines()[0]}") from error
    return model


@torch.no_grad()
def reopened(network: nn.Module, fused: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """`network` with the weights of its fused twin, and batch normalisations that change nothing on such pictures.

    Fusing has folded them into the convolutions. One with a gain of 1 would not do: in training it divides by what a
    batch has. So each is given the mean and deviation that its convolution's outputs have, and takes out what it puts
    back in.
    """
    seen: dict[str, list[Tensor]] = defaultdict(list)
    hooks = [
        module.convolution.register_forward_hook(lambda _, __, out, name=name: seen[name].append(_moments(out)))
        for name, module in fused.named_modules()
        if isinstance(module, NormalConv)
    ]
    for pictures in batches:
        fused(pictures)
    for hook in hooks:
        hook.remove()
    network.load_state_dict(fused.state_dict(), strict=False)
    for name, module in network.named_modules():
        if isinstance(module, NormalConv) and (norm := module.norm) is not None:
            mean, square = torch.stack(seen[name]).mean(0)
            variance = (square - mean.square()).clamp_min(0)
            norm.load_state_dict(
                {
                    "running_mean": mean,
                    "running_var": variance,
                    "weight": (variance + norm.eps).sqrt(),
                    "bias": mean,
                    "num_batches_tracked": torch.tensor(len(seen[name])),
                }
            )
    return network


def _moments(features: Tensor) -> Tensor:
    """Mean and mean square of each channel (2, C)."""
    return torch.stack((features.mean((0, 2, 3)), features.square().mean((0, 2, 3))))
