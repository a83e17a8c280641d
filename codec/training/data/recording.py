"""Training, recordings: the real encoder over stretches of clips, and what the generator had to work from there.

Reference, warping field and occlusion are then those of a call: chained motion, quantised, with the residual that was
worth its bits, from references as old as they get. A stretch is one file of a folder:

    references  uint8 (R, S, S, 3)      as decoded
    crf         (R,)                    the quality index that each was coded with
    driving     uint8 (N, S, S, 3)      what is to be shown
    reference   (N,)                    which reference it is shown from
    flow        float16 (N, 64, 64, 2)  base layer and residual together
    occlusion   float16 (N, 64, 64)

Importing this needs PyAV and the range coder.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from codec.config import CodecConfig
from codec.encoder import Encoder
from codec.training.data.coded_references import spread_over
from codec.training.data.dataset import ClipFile, read_frames
from codec.units import Floats, Image

_STRETCH, _SHORTEST = 32, 12  # frames
_QPS = (24, 28, 32, 34, 36, 40, 44, 48)
_KEPT = 0.35  # of the frames: neighbours are nearly alike
_KEPT_STILL = 0.1  # of those that show a new reference as it is
_SPREAD_S = 20.0  # under so many seconds, starting processes takes longer than it saves


@dataclass(frozen=True, slots=True)
class Shown:
    """What one frame is generated from."""

    number: int  # of the reference in the stretch
    age: int  # frames since then
    flow: Floats
    occlusion: Floats


def record(files: Sequence[ClipFile], folder: Path, *, weights: Path, seconds: float, workers: int, seed: int) -> None:
    """Records a stretch of each clip that the folder lacks, in random order, until the seconds are over.

    At least one, so that an empty folder does not stay empty unless no clip is long enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if not _path(folder, file).exists()]
    order = np.random.default_rng(seed).permutation(len(missing))
    workers = min(workers, len(missing)) if seconds > _SPREAD_S else 1
    deadline = time.time() + seconds
    one = partial(_record, folder=folder, weights=weights, seed=seed, threads=0 if workers == 1 else 1)
    with spread_over(max(1, workers)) as spread:
        list(spread(one, [missing[index] for index in order], repeat(deadline)))
    if not any(folder.glob("*.npz")):
        any(map(one, missing, repeat(float("inf"))))  # up to the first that can be


def _record(file: ClipFile, deadline: float, *, folder: Path, weights: Path, seed: int, threads: int) -> bool:
    """Whether a stretch of the clip was written."""
    if time.time() > deadline:
        return False
    cv2.setNumThreads(1)
    frames = read_frames(file.path, size=256, limit=None)
    if len(frames) < _SHORTEST:
        return False
    random = np.random.default_rng([seed, *file.key.encode()])
    start = int(random.integers(0, max(1, len(frames) - _STRETCH + 1)))
    config = CodecConfig(qp=int(random.choice(_QPS)), weights=str(weights), threads=threads, measure_every=1 << 30)
    content = _stretch(frames[start : start + _STRETCH], config, random)
    path = _path(folder, file)
    new = path.with_suffix(".new")
    with new.open("wb") as opened:
        np.savez(opened, **content)
    new.replace(path)
    return True


def _stretch(frames: Sequence[Image], config: CodecConfig, random: np.random.Generator) -> dict[str, Any]:
    """The arrays of a file; there is always a frame that moves."""
    references, rows = dict[int, tuple[Image, int]](), list[tuple[Image, Shown]]()
    for index, (frame, reference, shown) in enumerate(_watch(frames, config)):
        if reference is not None:
            references[index] = reference
        share = _KEPT if shown.age else _KEPT_STILL
        if random.random() < share or (shown.age and not rows):
            rows.append((frame, shown))
    numbers = sorted({shown.number for _, shown in rows})
    return {
        "references": np.stack([references[number][0] for number in numbers]),
        "crf": np.array([references[number][1] for number in numbers]),
        "driving": np.stack([frame for frame, _ in rows]),
        "reference": np.array([numbers.index(shown.number) for _, shown in rows]),
        "flow": np.stack([shown.flow for _, shown in rows]).astype(np.float16),
        "occlusion": np.stack([shown.occlusion for _, shown in rows]).astype(np.float16),
    }


def _watch(frames: Sequence[Image], config: CodecConfig) -> Iterator[tuple[Image, tuple[Image, int] | None, Shown]]:
    """Each frame, the reference that came with it (as decoded; its quality index), what it is generated from."""
    encoder = Encoder(config)
    for index, frame in enumerate(frames):
        encoder.encode(frame, pts=3600 * index)
        number, newest, shown = encoder.report.number, encoder.newest, encoder.shown
        reference = (newest.picture.copy(), newest.crf) if newest.number == number else None
        yield frame, reference, Shown(shown.number, number - shown.number, *encoder.warp)


def _path(folder: Path, file: ClipFile) -> Path:
    return folder / f"{file.key.replace('/', '_')}.npz"
