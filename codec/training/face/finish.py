"""Training, faces: the end of a run: tables counted with the new networks, scores on held-out people, card, curves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from codec.config import CodecConfig
from codec.engines.runtime import Runtime
from codec.networks.store import serialize
from codec.training.face.base_motion import fit_base_motion
from codec.training.face.card import write_card
from codec.training.face.course import Course
from codec.training.face.loop import Checkpoint, read_checkpoint
from codec.training.face.options import POINT_LESSONS, WINDOW_LESSONS
from codec.training.face.scores import score_landmarks
from codec.training.materials import progress_bar
from codec.training.results.finish import count_tables

__all__ = ["finish"]

_CURVES = {name: ("nme_percent", "lips_percent", "eyes_percent") for name in POINT_LESSONS} | {
    name: ("held_psnr_db", "held_under_db", "single_psnr_db", "single_under_db") for name in WINDOW_LESSONS
}


def finish(course: Course) -> Path:
    """Writes model.safetensors with all that was learnt, its card, log.json and curves.png; the weights' path."""
    out, model = course.options.out, course.so_far()
    lessons = {name: held for name in _CURVES if (held := read_checkpoint(out, name)) is not None}
    rough = out / "uncounted-faces.safetensors"
    rough.write_bytes(serialize(model, course.start.tables, metadata={"name": rough.stem}))
    motion = fit_base_motion(Runtime(CodecConfig(weights=str(rough), threads=1)), course.training)
    rough.unlink()
    tables = replace(course.start.tables, face_motion=motion)
    tables = count_tables(model, tables, course.training, folder=out, console=course.console)
    path = out / "model.safetensors"
    path.write_bytes(serialize(model, tables, metadata={"name": path.stem}))
    runtime = Runtime(CodecConfig(weights=str(path), threads=1))
    with progress_bar(course.console) as progress:
        tick = partial(progress.advance, progress.add_task("scoring landmarks", total=len(course.heldout)))
        scores = score_landmarks(runtime, course.heldout, tick=tick)
    _write_log(out / "log.json", lessons, scores)
    if find_spec("matplotlib") is None:
        course.say("no matplotlib, so no curves.png; log.json has what it would show: pip install 'facewire[train]'")
    else:
        _plot({name: held.log for name, held in lessons.items()}, out / "curves.png")
    write_card(out / "model-faces.md", course=course, model=model, runtime=runtime, lessons=lessons, scores=scores)
    return path


def _write_log(path: Path, lessons: Mapping[str, Checkpoint], scores: Mapping[str, float]) -> None:
    """One row a score, by lesson; `end` are those of the weights written."""
    content = {**{name: held.log for name, held in lessons.items()}, "end": scores}
    path.write_text(json.dumps(content, indent=1) + "\n")


def _plot(logs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Loss and held-out scores of each lesson over its minutes."""
    if not logs:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(logs), figsize=(5 * len(logs), 7), squeeze=False)
    for column, (name, rows) in enumerate(logs.items()):
        minutes = [row["minutes"] for row in rows]
        axes[0, column].plot(minutes, [row["loss"] for row in rows], marker=".")
        axes[0, column].set(title=f"{name}: training loss", xlabel="minutes")
        for score in _CURVES[name]:
            known = [(row["minutes"], row[score]) for row in rows if score in row]
            if known:
                axes[1, column].plot(*zip(*known, strict=True), marker=".", label=score)
                axes[1, column].legend()
        axes[1, column].set(title=f"{name}: held-out people", xlabel="minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
