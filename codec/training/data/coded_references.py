"""Training, coded references: pictures as the codec will really have coded them, kept in shards between runs.

A network trained on clean references, or on another coder's artefacts, does not help on the bench (measured: +0.05 dB
and worse LPIPS with WebP). So some frames of each clip go through the codec's own reference coder, intra first and the
later ones against it, each clip at its own quality. That takes minutes and needs PyAV, so `prepare` does it once:

    FOLDER/<name of the clips' folder>.npz
        names     (C,)    clips, as paths below their folder
        clip      (N,)    which clip a picture is of
        frame     (N,)    which frame of the clip
        crf       (N,)    the quality index it was coded with
        end       (N,)    where its bytes end in `data`
        data      uint8   WebP pictures of quality 90: 5 kB each, 44 dB from what the reference coder gave at 32 dB

A training run reads them with OpenCV alone.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
import torch

from codec.errors import ConfigError, MediaError
from codec.reference.crf import INTRA_OFFSET, reference_crf
from codec.training.data.dataset import ClipFile, Reference, read_frames
from codec.units import Image

_QUALITY = (reference_crf(20), reference_crf(56))
_WEBP_QUALITY = 90

CodedPictures = dict[int, Reference]  # by frame of the clip's file


_Row = tuple[int, int, bytes]  # frame, crf, WebP


@dataclass(frozen=True, slots=True)
class CodingOptions:
    """How many pictures of a clip are coded; of stills each is another face, so each is coded by itself."""

    size: int
    per_clip: int
    per_stills: int
    seed: int


def code_clip(file: ClipFile, options: CodingOptions) -> CodedPictures:
    """Some frames of one clip through the reference coder; none where the clip cannot be read."""
    from codec.reference.coder import ReferenceEncoder  # here, because a machine that only trains may lack PyAV

    frames = read_frames(file.path, size=options.size, limit=None)
    random = np.random.default_rng([options.seed, *file.key.encode()])
    count = min(options.per_stills if file.still else options.per_clip, len(frames))
    if not frames:
        return {}
    chosen = np.sort(random.choice(len(frames), count, replace=False))
    encoder = ReferenceEncoder(size=options.size, intra_offset=INTRA_OFFSET)
    pictures: CodedPictures = {}
    for position, frame in enumerate(chosen):
        intra = file.still or position == 0
        if intra:
            encoder.crf = int(random.integers(_QUALITY[0], _QUALITY[1] + 1))
        encoder.encode(frames[frame], intra=intra)
        pictures[int(frame)] = Reference(torch.from_numpy(encoder.reconstruction.copy()), encoder.crf)
    return pictures


def code_references(
    files: Sequence[ClipFile], options: CodingOptions, *, tick: Callable[[], None] = lambda: None
) -> dict[str, CodedPictures]:
    """Coded pictures of every clip, by its key."""
    coded = {}
    for file in files:
        coded[file.key] = code_clip(file, options)
        tick()
    return coded


# --- shards -----------------------------------------------------------------------------------------------------------


def prepare(
    files: Sequence[ClipFile],
    folder: Path,
    options: CodingOptions,
    *,
    workers: int,
    tick: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Writes the shards that `folder` lacks, one for each folder of clips; the new ones. Others stay as they are."""
    groups: dict[str, list[ClipFile]] = {}
    for file in files:
        groups.setdefault(_group(file.key), []).append(file)
    written = []
    for group, members in groups.items():
        path = folder / f"{group}.npz"
        if path.exists():
            for _ in members:
                tick()
            continue
        with spread_over(workers) as spread:
            parts = []
            for part in spread(partial(_compressed, options=options), members):
                parts.append(part)
                tick()
        _write(path, members, parts)
        written.append(path)
    return written


def _compressed(file: ClipFile, *, options: CodingOptions) -> list[_Row]:
    cv2.setNumThreads(1)
    return [(frame, coded.crf, _to_webp(coded.picture.numpy())) for frame, coded in code_clip(file, options).items()]


@contextmanager
def spread_over(workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """A `map` over processes."""
    if workers == 1:
        yield map
    else:  # spawned: the networks' threads do not survive a fork
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield pool.map


def _write(path: Path, members: Sequence[ClipFile], parts: Sequence[list[_Row]]) -> None:
    rows = [(clip, *row) for clip, part in enumerate(parts) for row in part]
    if not rows:
        raise MediaError(f"none of the clips of {path.stem} could be decoded")
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            np.savez(
                file,
                names=np.array([_name(member.key) for member in members]),
                clip=np.array([row[0] for row in rows], np.int32),
                frame=np.array([row[1] for row in rows], np.int32),
                crf=np.array([row[2] for row in rows], np.uint8),
                end=np.cumsum([len(row[3]) for row in rows]),
                data=np.frombuffer(b"".join(row[3] for row in rows), np.uint8),
            )
        new.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write shards to {path}: {error.strerror}") from error


def read_references(files: Sequence[ClipFile], folder: Path) -> dict[str, CodedPictures]:
    """Coded pictures of every clip, by its key. MediaError where a shard is missing or damaged, or lacks a clip."""
    found: dict[str, CodedPictures] = {}
    for group in sorted({_group(file.key) for file in files}):
        path = folder / f"{group}.npz"
        try:
            found |= {f"{group}/{name}": pictures for name, pictures in _read(path).items()}
        except (OSError, EOFError, KeyError, ValueError, IndexError, BadZipFile) as error:
            raise MediaError(f"{path} holds no coded references, write it with `prepare`: {error}") from error
    missing = [file.key for file in files if file.key not in found]
    if missing:
        raise MediaError(f"the shards in {folder} are of other clips: {missing[0]} is not in them; prepare them again")
    return found


def _read(path: Path) -> dict[str, CodedPictures]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names, data = archive["names"], archive["data"]
        columns = [archive[name].tolist() for name in ("clip", "frame", "crf", "end")]
    pictures: dict[str, CodedPictures] = {str(name): {} for name in names}
    start = 0
    for clip, frame, crf, end in zip(*columns, strict=True):
        pictures[str(names[clip])][frame] = Reference(torch.from_numpy(_from_webp(data[start:end])), crf)
        start = end
    return pictures


def _group(key: str) -> str:
    return key.split("/", 1)[0]


def _name(key: str) -> str:
    return key.split("/", 1)[1]


def _to_webp(picture: Image) -> bytes:
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".webp", colours, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])[1])


def _from_webp(data: Image) -> Image:
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("a picture is damaged")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
