"""Training, outputs: weights, log and card on disk, and what the real codec makes of the weights."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console

from codec.bits.symbols import CodingTables
from codec.config import CodecConfig
from codec.errors import ConfigError
from codec.networks import FaceModel
from codec.networks.store import model_of, serialize
from codec.training.checkpoint import Average, State, resume
from codec.training.data.dataset import ClipFile, Dataset, read_frames
from codec.training.materials import Materials, progress_bar
from codec.training.results import coding_tables as counting
from codec.training.results.card import write_card
from codec.training.results.validation import Validation
from codec.units import PTS_PER_S
from codec.weights import files as weights

_COUNTED_CLIPS, _COUNTED_FRAMES = 40, 50
_CODED_CLIPS, _CODED_FRAMES = 8, 100
_QPS = (24, 32, 40)
_FPS = 25


def finish(materials: Materials) -> Path:
    """The end of a run, from its checkpoint: tables counted on what the best weights really code, scores, card.

    The best are those of the highest held-out score in the joint stage; the last where there was none.
    """
    options, out = materials.options, materials.options.out
    if find_spec("av") is None:
        raise ConfigError("counting tables codes clips and needs PyAV: run `finish` where it is installed")
    path = out / "checkpoint.pt"
    if options.checkpoint is not None and not path.is_file():
        path = options.checkpoint
    average = Average(materials.model, decay=0)
    state, _ = resume(path, model=FaceModel(), average=average.model)
    model, source = average.model, "last"
    if (out / "best.safetensors").is_file():
        model, source = model_of(weights.load(str(out / "best.safetensors"))), "best"
    moving = [materials.training.clips[number].file for number in materials.training.moving_clips]
    tables = count_tables(model, materials.tables, moving, folder=out, console=materials.console)
    path = out / "model.safetensors"
    path.write_bytes(serialize(model, tables, metadata={"name": path.stem}))
    scores = Validation(materials.heldout, tables, device=materials.device, perceptual=materials.perceptual).score(
        model.to(materials.device)
    )
    figures = {
        "score": scores.score,
        **asdict(scores),
        **closed_loop(str(path), materials.heldout, clips=_CODED_CLIPS, frames=_CODED_FRAMES),
    }
    write_log(out, State(state.spent_s, state.samples, [*state.log, {"stage": "end", "weights": source, **figures}]))
    write_card(out / "model.md", materials=materials, state=state, source=source, scores=figures)
    return path


def count_tables(
    model: FaceModel, tables: CodingTables, files: Sequence[ClipFile], *, folder: Path, console: Console
) -> CodingTables:
    """Tables for what this model codes of some of the clips, coded with those given; these where that was nothing."""
    rough = folder / "uncounted.safetensors"
    rough.write_bytes(serialize(model, tables, metadata={"name": rough.stem}))
    chosen = files[:: max(1, len(files) // _COUNTED_CLIPS)]
    clips = [read_frames(file.path, size=256, limit=_COUNTED_FRAMES) for file in chosen]
    with progress_bar(console) as progress:
        task = progress.add_task("counting symbols", total=len(clips))
        found = counting.collect(clips, tables, weights=str(rough), qps=_QPS, tick=lambda: progress.advance(task))
    rough.unlink()
    return counting.fit(found, tables) if (found.motion or found.face) and found.residual else tables


def coded_score(model: FaceModel, materials: Materials, *, clips: int, frames: int) -> dict[str, float]:
    """kbps and PSNR of held-out clips with these weights."""
    path = write_weights(materials.options.out / "scored.safetensors", model, materials)
    figures = closed_loop(str(path), materials.heldout, clips=clips, frames=frames)
    path.unlink()
    return figures


def closed_loop(name: str, dataset: Dataset, *, clips: int, frames: int) -> dict[str, float]:
    """kbps and PSNR of the real encoder at its defaults over the first clips."""
    from codec.encoder import Encoder  # here, because a machine that only trains may lack PyAV

    bits, psnr_db, seconds = 0, [], 0.0
    for clip in dataset.clips[:clips]:
        encoder = Encoder(CodecConfig(weights=name))
        pictures = read_frames(clip.file.path, size=256, limit=frames)
        for index, picture in enumerate(pictures):
            bits += 8 * len(bytes(encoder.encode(picture, pts=index * PTS_PER_S // _FPS)))
            psnr_db.append(encoder.report.psnr_db)
        seconds += len(pictures) / _FPS
    return {"coded_kbps": bits / seconds / 1000, "coded_psnr_db": float(np.mean(psnr_db))}


def write_weights(path: Path, model: FaceModel, materials: Materials) -> Path:
    """A weight file with the tables of the start."""
    path.write_bytes(serialize(model, materials.tables, metadata={"name": path.stem}))
    return path


def write_log(folder: Path, state: State) -> None:
    """log.json, one row a score."""
    (folder / "log.json").write_text(json.dumps(state.log, indent=1) + "\n")
