"""Training, dataset: folders of face clips -> frames in memory, motion labels, random pairs of frames.

Every clip is decoded once and stays on the device that trains, as uint8: all of its frames, or one every few. Clips of
one person (from `index.json`, or the clip's own name where there is none) stay together, so a held-out person is never
trained on.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.errors import MediaError
from codec.training.data.labels import ClipLabels, MotionLabels, fit_motion, read_labels
from codec.units import Floats, Image

_VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".webm", ".avi"}


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip on disk with what is known about it. The key is its path from its folder on, that one's name included."""

    path: Path
    key: str
    person: str
    labels: ClipLabels | None
    still: bool = False  # each picture shows another face


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture as the codec coded it, uint8 (S, S, 3), and the quality index that it was coded with."""

    picture: Tensor
    crf: int


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip in memory: frames uint8 (T, S, S, 3), the index of each in the file, whether its labels hold.

    references are frames as the codec coded them, by position in `frames`.
    """

    file: ClipFile
    frames: Tensor
    indices: npt.NDArray[np.int64]
    labelled: npt.NDArray[np.bool_]
    references: dict[int, Reference]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Clips with their frames, and the labels' parameters where labels exist."""

    clips: tuple[Clip, ...]
    labels: MotionLabels | None  # of the labelled clips, in the order of `labelled_clips`
    labelled_clips: tuple[int, ...]

    @property
    def frames(self) -> int:
        return sum(len(clip.frames) for clip in self.clips)

    @property
    def moving_clips(self) -> tuple[int, ...]:
        """Clips of a face that moves, as against stills."""
        return tuple(index for index, clip in enumerate(self.clips) if not clip.file.still)


def find_clips(folders: Sequence[Path], *, still: bool = False) -> list[ClipFile]:
    """Every video below the folders, sorted. MediaError when there is none, or when two folders share a name."""
    found = []
    names = [folder.resolve().name for folder in folders]
    for folder in folders:
        if names.count(folder.resolve().name) > 1:
            raise MediaError(f"two folders are named {folder.resolve().name}: people and shards go by that name")
    for folder in folders:
        if not folder.is_dir():
            raise MediaError(f"{folder} is not a folder of clips")
        persons = _persons(folder)
        labels = read_labels(folder / "labels.npz")
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _VIDEO_SUFFIXES:
                name = folder.resolve().name
                person, key = f"{name}/{persons.get(path.name, path.stem)}", f"{name}/{path.relative_to(folder)}"
                found.append(ClipFile(path, key, person, labels.get(path.stem), still))
    if not found:
        raise MediaError(f"no clips in {', '.join(map(str, folders))}")
    return found


def split(files: Sequence[ClipFile], *, every: int = 20) -> tuple[list[ClipFile], list[ClipFile]]:
    """Training and held-out clips; every `every`-th person is held out."""
    people = sorted({file.person for file in files})
    held = set(people[every - 1 :: every]) or set(people[-1:])
    return [f for f in files if f.person not in held], [f for f in files if f.person in held]


def load(
    files: Sequence[ClipFile],
    *,
    size: int,
    per_clip: int,
    references: Mapping[str, Mapping[int, Reference]] | None = None,
    device: torch.device | None = None,
    like: tuple[Floats, Floats] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Dataset:
    """Decodes up to `per_clip` frames of each clip, evenly spread (0: all), and those that have a coded reference.

    `like` is the mean shape and expression basis that labels are to be expressed in; their own where None.
    """
    device = device or torch.device("cpu")

    def decode(file: ClipFile) -> Clip | None:
        coded = {} if references is None else references[file.key]
        clip = _load_clip(file, size=size, per_clip=per_clip, references=coded, device=device)
        tick()
        return clip

    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        clips = [clip for clip in pool.map(decode, files) if clip is not None]
    if not clips:
        raise MediaError("none of the clips could be decoded")
    labelled = tuple(index for index, clip in enumerate(clips) if clip.labelled.any())
    files_with_labels = [clips[index].file.labels for index in labelled]
    known = [label for label in files_with_labels if label is not None]
    labels = fit_motion(known, like=like) if known else None
    return Dataset(tuple(clips), labels, labelled)


def _load_clip(
    file: ClipFile, *, size: int, per_clip: int, references: Mapping[int, Reference], device: torch.device
) -> Clip | None:
    frames = read_frames(file.path, size=size, limit=None)
    if len(frames) < 2:
        return None
    wanted = np.linspace(0, len(frames) - 1, min(per_clip or len(frames), len(frames))).astype(np.int64)
    coded = {frame: reference for frame, reference in references.items() if frame < len(frames)}
    indices = np.union1d(wanted, np.array(sorted(coded), np.int64))
    labelled = np.zeros(len(indices), bool)
    if file.labels is not None:
        inside = indices < len(file.labels.present)
        labelled[inside] = file.labels.present[indices[inside]]
    held = torch.from_numpy(np.stack([frames[index] for index in indices])).to(device)
    places = {
        int(np.searchsorted(indices, frame)): Reference(coded[frame].picture.to(device), coded[frame].crf)
        for frame in sorted(coded)
    }
    return Clip(file, held, indices, labelled, places)


def read_frames(path: Path, *, size: int, limit: int | None) -> list[Image]:
    """RGB frames of a clip, centre-cropped to a square and resized; an unreadable clip gives none."""
    capture = cv2.VideoCapture(str(path))
    frames: list[Image] = []
    while limit is None or len(frames) < limit:
        read, picture = capture.read()
        if not read:
            break
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        square = picture[top : top + side, left : left + side]
        if side != size:
            square = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
        frames.append(np.ascontiguousarray(square[..., ::-1]).astype(np.uint8, copy=False))
    capture.release()
    return frames


def _persons(folder: Path) -> dict[str, str]:
    index = folder / "index.json"
    if not index.is_file():
        return {}
    try:
        rows = json.loads(index.read_text())
        return {row["file"]: str(row["person"]) for row in rows if "person" in row}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{index} does not list clips: {error}") from error


def to_tensor(pictures: Sequence[Tensor]) -> Tensor:
    """uint8 (S, S, 3) pictures -> (B, 3, S, S) in [0, 1], channels last in memory."""
    return torch.stack(list(pictures)).permute(0, 3, 1, 2).float() / 255
