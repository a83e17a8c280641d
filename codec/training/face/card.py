"""Training, faces: the model card: what the face's networks were made from, what they cost and what they can do."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codec.engines.runtime import Runtime
from codec.networks import FaceModel
from codec.networks.landmarks import EYE_SIZE, FACE_SIZE, MOUTH_SIZE
from codec.networks.window_generator import INPUTS
from codec.training.data.dataset import ClipFile
from codec.training.face.course import Course
from codec.training.face.drawing.windows import WINDOW_BATCHES
from codec.training.face.faces import labelled
from codec.training.face.landmarks import BATCHES
from codec.training.face.loop import Checkpoint

__all__ = ["write_card"]

_WARM_UPS, _RUNS = 5, 40
_SCORES = {
    "nme_percent": "NME, all 112 points, % of io",
    "lips_percent": "lips, % of io",
    "eyes_percent": "lids, % of io",
    "mouth_r": "mouth aperture, r",
    "eye_r": "eye aperture, r",
    "failures_percent": "failures: frames with an NME over 8 %, % of all",
}


def write_card(
    path: Path,
    *,
    course: Course,
    model: FaceModel,
    runtime: Runtime,
    lessons: Mapping[str, Checkpoint],
    scores: Mapping[str, float],
) -> None:
    """Writes it; what it cannot know (whose faces, under which licences) is left for a person to add."""
    lines = [
        "# Model card: the face's networks",
        "",
        "## Data",
        f"Training: {_counts(course.training)}. Held out: {_counts(course.heldout)}, other people.",
        "Labels are a face mesh's. Crops were shifted, turned, scaled, recoloured, softened and made noisy.",
        "",
        "## Lessons",
        *(_lesson(course, name, held) for name, held in lessons.items()),
        f"- of the averaged weights; {_origin(course)}; seed {course.options.seed}",
        "",
        "## Landmarks on the held-out people",
        *_landmarks(scores),
        "",
        "## Windows on the held-out people",
        *_windows(lessons),
        "",
        "## Size and speed",
        *_costs(model, runtime),
        "",
        "## Limits",
        "Faces looking roughly at the camera, one a picture, upright; people and light unlike those of the data may be "
        "found worse. What is drawn into mouth and eyes is made up from references: no evidence of anything.",
        "It animates a face: use it with consent.",
        "",
    ]
    path.write_text("\n".join(lines))


def _counts(files: Sequence[ClipFile]) -> str:
    present = [int(known[1].sum()) for file in files if (known := labelled(file)) is not None]
    people = len({file.person for file in files})
    return f"{len(files)} clips of {people} people, {sum(present)} labelled frames in {len(present)} of the clips"


def _lesson(course: Course, name: str, held: Checkpoint) -> str:
    batch, processes = (BATCHES | WINDOW_BATCHES)[name], held.log[-1].get("processes", 1) if held.log else 1
    spread = f" on {processes} processes" if processes > 1 else ""
    rate = course.options.schedule(name).rate
    return (
        f"- {name}: {held.minutes:.1f} minutes, {held.steps * batch * processes} samples{spread}, "
        f"batch {batch}, peak rate {rate:g}"
    )


def _origin(course: Course) -> str:
    start = course.options.start
    return f"from random networks, into {start}" if course.options.fresh else f"started from {start}"


def _landmarks(scores: Mapping[str, float]) -> list[str]:
    if not scores:
        return ["No held-out clip has labels."]
    rows = [
        f"| {text} | {_figure(scores.get(f'whole_{name}'))} | {_figure(scores.get(name))} |"
        for name, text in _SCORES.items()
    ]
    return ["Every labelled frame, found from the frame before.", "", *_table("", "whole face alone", "refined"), *rows]


def _windows(lessons: Mapping[str, Checkpoint]) -> list[str]:
    rows = []
    for name in WINDOW_BATCHES:
        last = lessons[name].log[-1] if name in lessons and lessons[name].log else {}
        for kind, text in (("held", "references held"), ("single", "one keyframe")):
            shown = (last.get(f"{kind}_{key}") for key in ("under_db", "psnr_db", "under_lpips", "lpips"))
            if last:
                rows.append(f"| {name}, {text} | " + " | ".join(map(_figure, shown)) + " |")
    if not rows:
        return ["Not trained here."]
    head = _table("", "underneath, dB", "drawn, dB", "underneath, LPIPS", "drawn, LPIPS")
    return ["LPIPS is that of the loss (SqueezeNet's first layers), lower is better.", "", *head, *rows]


def _table(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _figure(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}"


def _costs(model: FaceModel, runtime: Runtime) -> list[str]:
    """float16 sizes, multiplications, and the median time of a run on one thread; both eyes are drawn in one run."""
    networks: dict[str, tuple[nn.Module, tuple[int, ...], Callable[[Any], Any]]] = {
        "landmarks": (model.face.landmarks, (1, FACE_SIZE, FACE_SIZE, 3), runtime.landmarks),
        "mouth_points": (model.face.mouth_points, (1, *MOUTH_SIZE[::-1], 3), runtime.mouth_points),
        "eye_points": (model.face.eye_points, (1, *EYE_SIZE[::-1], 3), runtime.eye_points),
        "mouth": (model.windows.mouth, (1, *MOUTH_SIZE[::-1], INPUTS), runtime.mouth),
        "eye": (model.windows.eye, (2, *EYE_SIZE[::-1], INPUTS), runtime.eyes),
    }
    rows = []
    for name, (network, shape, run) in networks.items():
        kilobytes = 2 * sum(tensor.numel() for tensor in network.state_dict().values()) / 1000
        text = "eye, both at once" if name == "eye" else name
        rows.append(f"| {text} | {kilobytes:.0f} | {_gmac(network, shape):.3f} | {_median_ms(run, shape):.2f} |")
    return [*_table("network", "kB in float16", "GMAC a run", "ms a run on one thread"), *rows]


@torch.no_grad()
def _gmac(network: nn.Module, shape: tuple[int, ...]) -> float:
    """Of convolutions and matrix products, for inputs (B, H, W, C)."""
    total = 0

    def count(layer: nn.Module, _: Any, out: Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, Tensor)
        total += out.numel() * weight[0].numel()

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    network(torch.zeros(shape).permute(0, 3, 1, 2))
    for hook in hooks:
        hook.remove()
    return total / 1e9


def _median_ms(run: Callable[[Any], Any], shape: tuple[int, ...]) -> float:
    inputs, times = np.zeros(shape, np.uint8), []
    for _ in range(_WARM_UPS + _RUNS):
        start = time.perf_counter()
        run(inputs)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[_WARM_UPS:])
