"""Training, dataset: folders of face clips -> frames in memory, motion labels, random pairs of frames.

Every clip is decoded once; a picture every few frames is kept as uint8. Clips of one person (from `index.json`, or the
clip's own name where there is none) stay together, so a held-out person is never trained on.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.errors import MediaError
from codec.training.labels import ClipLabels, Floats, MotionLabels, fit_motion, read_labels

Bytes = npt.NDArray[np.uint8]
_VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".webm", ".avi"}


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip on disk with what is known about it."""

    path: Path
    person: str
    labels: ClipLabels | None


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip in memory: frames uint8 (T, S, S, 3), the index of each in the file, whether its labels hold."""

    file: ClipFile
    frames: Bytes
    indices: npt.NDArray[np.int64]
    labelled: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Clips with their frames, and the labels' parameters where labels exist."""

    clips: tuple[Clip, ...]
    labels: MotionLabels | None  # of the labelled clips, in the order of `labelled_clips`
    labelled_clips: tuple[int, ...]

    @property
    def frames(self) -> int:
        return sum(len(clip.frames) for clip in self.clips)


def find_clips(folders: Sequence[Path]) -> list[ClipFile]:
    """Every video below the folders, sorted. MediaError when there is none."""
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise MediaError(f"{folder} is not a folder of clips")
        persons = _persons(folder)
        labels = read_labels(folder / "labels.npz")
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _VIDEO_SUFFIXES:
                person = f"{folder.name}/{persons.get(path.name, path.stem)}"
                found.append(ClipFile(path, person, labels.get(path.stem)))
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
    like: tuple[Floats, Floats] | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Dataset:
    """Decodes up to `per_clip` frames of each clip, evenly spread.

    `like` is the mean shape and expression basis that labels are to be expressed in; their own where None.
    """
    clips = []
    for file in files:
        clip = _load_clip(file, size=size, per_clip=per_clip)
        if clip is not None:
            clips.append(clip)
        tick()
    if not clips:
        raise MediaError("none of the clips could be decoded")
    labelled = tuple(index for index, clip in enumerate(clips) if clip.labelled.any())
    files_with_labels = [clips[index].file.labels for index in labelled]
    known = [label for label in files_with_labels if label is not None]
    labels = fit_motion(known, like=like) if known else None
    return Dataset(tuple(clips), labels, labelled)


def _load_clip(file: ClipFile, *, size: int, per_clip: int) -> Clip | None:
    frames = read_frames(file.path, size=size, limit=None)
    if len(frames) < 2:
        return None
    indices = np.unique(np.linspace(0, len(frames) - 1, min(per_clip, len(frames))).astype(np.int64))
    labelled = np.zeros(len(indices), bool)
    if file.labels is not None:
        inside = indices < len(file.labels.present)
        labelled[inside] = file.labels.present[indices[inside]]
    return Clip(file, np.stack([frames[index] for index in indices]), indices, labelled)


def read_frames(path: Path, *, size: int, limit: int | None) -> list[Bytes]:
    """RGB frames of a clip, centre-cropped to a square and resized; an unreadable clip gives none."""
    capture = cv2.VideoCapture(str(path))
    frames: list[Bytes] = []
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


def to_tensor(pictures: Sequence[Bytes], *, device: torch.device) -> Tensor:
    """uint8 (S, S, 3) pictures -> (B, 3, S, S) in [0, 1]."""
    batch = torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2)
    return batch.float() / 255
