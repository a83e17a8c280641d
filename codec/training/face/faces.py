"""Training, faces: labelled clips -> crops of the face, the mouth and the eyes, with their points.

The labels are the face mesh's (`codec.training.data.labels`). Crops are kept with a margin, so that a training step can
shift, turn and scale them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
import numpy.typing as npt

from codec.errors import MediaError
from codec.motion.face_windows import EYE, MOUTH, Window, window_frame, window_points
from codec.motion.tracking import CROP_EXTENTS
from codec.networks.landmarks import FACE_SIZE
from codec.training.data.dataset import ClipFile, read_frames
from codec.training.data.labels import MIN_PRESENCE
from codec.units import Floats, Image

MARGIN = 1.125  # a stored crop is so many times what a network sees
STORED = round(FACE_SIZE * MARGIN)
WINDOW_MARGIN = 16  # pixels to each side
_MIDDLE = 0.5  # the labels count from a pixel's edge, we from its middle: mirrored pictures tell them apart


@dataclass(frozen=True, slots=True)
class Samples:
    """pictures uint8 (N, H, W, 3); points (N, P, 2 or 3) in pixels from the crop's centre; clip (N,) of each."""

    pictures: Image
    points: Floats
    clip: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True, slots=True)
class FaceSamples:
    """The three kinds of crops of the same clips; both eyes as right ones."""

    whole: Samples
    mouth: Samples
    eye: Samples


def labelled(file: ClipFile) -> tuple[Floats, npt.NDArray[np.bool_]] | None:
    """All 112 points of each frame, (T, 112, 3) in pixels of the 256x256 frame, and whether to trust them.

    (0, 0) is the middle of its first pixel.
    """
    path = file.path.parent / "labels.npz"
    if not path.is_file():
        return None
    try:
        held = _archive(path, path.stat().st_mtime_ns)
        if f"{file.path.stem}.landmarks" not in held:
            return None
        points = np.cumsum(held[f"{file.path.stem}.landmarks"].astype(np.int32), axis=0) / 16
        present = held[f"{file.path.stem}.presence"].astype(np.float32) > MIN_PRESENCE
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise MediaError(f"{path} holds no labels: {error}") from error
    points[..., :2] -= _MIDDLE
    return points.astype(np.float32), present


@lru_cache(maxsize=4)
def _archive(path: Path, changed: int) -> Mapping[str, npt.NDArray[Any]]:
    """What a folder's labels.npz holds, as last changed then: read once, not once a clip."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def cut_faces(files: Sequence[ClipFile], *, every: int, tick: Callable[[], None] = lambda: None) -> FaceSamples:
    """Crops of each `every`-th labelled frame. MediaError where nothing is labelled."""
    rows: dict[str, list[tuple[Image, Floats, int]]] = {"whole": [], "mouth": [], "eye": []}
    for number, file in enumerate(files):
        for picture, points in _frames(file, every=every):
            for kind, crop, local in _crops(picture, points):
                rows[kind].append((crop, local, number))
        tick()
    if not rows["whole"]:
        raise MediaError("none of the clips has landmark labels (labels.npz) beside it")
    return FaceSamples(**{kind: _stack(part) for kind, part in rows.items()})


def _stack(rows: list[tuple[Image, Floats, int]]) -> Samples:
    pictures, points, clips = zip(*rows, strict=True)
    return Samples(np.stack(pictures), np.stack(points), np.array(clips, np.int64))


def _frames(file: ClipFile, *, every: int) -> Iterator[tuple[Image, Floats]]:
    known = labelled(file)
    if known is None:
        return
    points, present = known
    frames = read_frames(file.path, size=256, limit=len(points))
    for index in range(0, min(len(frames), len(points)), every):
        if present[index]:
            yield frames[index], points[index]


def _crops(picture: Image, points: Floats) -> Iterator[tuple[str, Image, Floats]]:
    yield "whole", *_whole(picture, points)
    yield "mouth", *_window(picture, points, MOUTH)
    yield "eye", *_window(picture, points, EYE[0])
    crop, local = _window(picture, points, EYE[1])
    yield "eye", np.ascontiguousarray(crop[:, ::-1]), local * np.array([-1, 1], np.float32)


def _whole(picture: Image, points: Floats) -> tuple[Image, Floats]:
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    centre, side = (low + high) / 2, CROP_EXTENTS * MARGIN * float((high - low).max())
    scale = STORED / side
    matrix = np.array([[scale, 0, STORED / 2 - scale * centre[0]], [0, scale, STORED / 2 - scale * centre[1]]])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    crop = cv2.warpAffine(picture, matrix, (STORED, STORED), flags=way, borderMode=cv2.BORDER_REPLICATE)
    local = points * np.float32(scale)
    local[:, :2] += matrix[:, 2].astype(np.float32) - (STORED - 1) / 2
    return np.asarray(crop, np.uint8), local


def _window(picture: Image, points: Floats, window: Window) -> tuple[Image, Floats]:
    """A window with its margin, and the points in pixels from its centre."""
    matrix = window_frame(points, window)
    shifted = matrix.copy()
    shifted[:, 2] -= matrix[:, :2] @ np.full(2, WINDOW_MARGIN, np.float32)
    size = (window.width + 2 * WINDOW_MARGIN, window.height + 2 * WINDOW_MARGIN)
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(picture, shifted, size, flags=way, borderMode=cv2.BORDER_REPLICATE)
    local = (
        window_points(points[list(window.shape)], matrix)
        - np.array([window.width - 1, window.height - 1], np.float32) / 2
    )
    return np.asarray(crop, np.uint8), local.astype(np.float32)
