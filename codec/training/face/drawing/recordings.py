"""Training, recordings of whole clips: what a viewer of the real codec sees, before eyes and mouth are drawn into it.

A window's generator must learn from references as they are really coded and from the picture that it is pasted into, so
each clip runs through the encoder twice: in the adaptive mode, at a qp of its own, and with one keyframe alone. A clip
is one file of a folder, `<clip>.<mode>.npz`:

    frames      (N,)                    which frames of the clip were kept
    shown       uint8 (N, S, S, 3)      what the codec shows for them
    reference   (N,)                    which reference, by its place below, each is moved from
    pictures    uint8 (R, S, S, 3)      references, decoded and restored
    coded_at    (R,)                    which frame of the clip each of them shows
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from codec.config import CodecConfig
from codec.engines.runtime import Runtime
from codec.training.data.coded_references import spread_over
from codec.training.data.dataset import ClipFile, read_frames
from codec.units import Image

__all__ = ["MODES", "Recording", "read_recording", "record_clips"]

MODES = {"adaptive": 3, "single": 4}  # of so many frames one is kept: neighbours are nearly alike
_SIZE = 256
_SHORTEST = 16  # frames
_QPS = (26, 30, 34, 38, 42, 46)
_NEVER = 1 << 30


@dataclass(frozen=True, slots=True)
class Recording:
    """One clip as shown in one mode; arrays as in the file."""

    frames: npt.NDArray[np.int64]
    shown: Image
    reference: npt.NDArray[np.int64]
    pictures: Image
    coded_at: npt.NDArray[np.int64]


def record_clips(
    files: Sequence[ClipFile],
    folder: Path,
    *,
    seed: int,
    workers: int,
    weights: str = CodecConfig().weights,
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Records what the folder lacks of the clips, in both modes; how many files it now has."""
    folder.mkdir(parents=True, exist_ok=True)
    one = partial(_record, folder=folder, seed=seed, weights=weights)
    jobs = [(file, mode) for mode in MODES for file in files if not _path(folder, file, mode).exists()]
    with spread_over(max(1, min(workers, len(jobs)))) as spread:
        for _ in spread(one, [file for file, _ in jobs], [mode for _, mode in jobs]):
            tick()
    return sum(1 for _ in folder.glob("*.npz"))


def read_recording(folder: Path, file: ClipFile, mode: str) -> Recording | None:
    """None where the clip was too short to be recorded, or was not yet."""
    path = _path(folder, file, mode)
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as held:
        return Recording(**{name: held[name] for name in Recording.__dataclass_fields__})


def _record(file: ClipFile, mode: str, *, folder: Path, seed: int, weights: str) -> None:
    path = _path(folder, file, mode)
    cv2.setNumThreads(1)
    frames = read_frames(file.path, size=_SIZE, limit=None)
    if len(frames) < _SHORTEST:
        return
    random = np.random.default_rng([seed, *file.key.encode()])
    config, every = _config(mode, random, weights), MODES[mode]
    content = _watch(frames, config, every=every, start=int(random.integers(1, every + 1)))
    new = path.with_suffix(".new")
    with new.open("wb") as opened:
        np.savez(opened, **{name: getattr(content, name) for name in Recording.__dataclass_fields__})
    new.replace(path)


def _config(mode: str, random: np.random.Generator, weights: str) -> CodecConfig:
    config = CodecConfig(qp=int(random.choice(_QPS)), weights=weights, threads=1, measure_every=_NEVER)
    return config.with_(residual=False, references="single") if mode == "single" else config


def _watch(frames: Sequence[Image], config: CodecConfig, *, every: int, start: int) -> Recording:
    from codec.encoder import Encoder  # here, because a machine that only trains may lack PyAV

    encoder, runtime = Encoder(config), Runtime(config)
    pictures, coded_at = list[Image](), list[int]()
    kept, shown, reference = list[int](), list[Image](), list[int]()
    for index, frame in enumerate(frames):
        encoder.encode(frame, pts=3600 * index)
        if encoder.shown.number == encoder.report.number:
            pictures.append(encoder.shown.prepared.picture)
            coded_at.append(index)
        elif (index - start) % every == 0:
            kept.append(index)
            flow, occlusion = encoder.warp
            shown.append(runtime.generate(encoder.shown.prepared, flow=flow, occlusion=occlusion))
            reference.append(len(pictures) - 1)
    return Recording(
        np.array(kept, np.int64),
        np.stack(shown) if shown else np.zeros((0, *frames[0].shape), np.uint8),
        np.array(reference, np.int64),
        np.stack(pictures),
        np.array(coded_at, np.int64),
    )


def _path(folder: Path, file: ClipFile, mode: str) -> Path:
    return folder / f"{file.key.replace('/', '_')}.{mode}.npz"
