"""Stage 10, display (as judged): the mouth and the eyes as pictures, how far they are from the original's.

The windows lie where the original's mesh has lips and eyes, upright, and are cut from the original and from the decoded
picture alike. No network decides what is right there, unlike the mesh, which codecs may have been trained with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.clip import Pictures
from benchmarks.quality.expression import LIPS, Track
from benchmarks.quality.face_mesh import EYE_CORNERS, Mesh
from benchmarks.quality.lpips import Lpips
from benchmarks.quality.metrics import BATCH, as_tensor
from codec.units import Image

MOUTH_SIZE = (1.25, 1.0)  # width, height in inter-ocular distances
EYE_SIZE = (0.75, 0.5)
MOUTH_PIXELS = (80, 64)  # width, height as LPIPS sees it: 64 pixels are what it was made from
EYE_PIXELS = (96, 64)


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle in pixels of the picture, at least one of them in it; `right` and `bottom` are not part of it."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, picture: Image) -> Image:
        """What it shows. # (S, S, 3) -> (bottom - top, right - left, 3)"""
        return picture[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True, slots=True)
class FaceWindows:
    """Where a face's mouth and eyes are."""

    mouth: Window
    eyes: tuple[Window, Window]


def _span(middle: float, length: float, side: int) -> tuple[int, int]:
    """First pixel and the one after the last, what lies beyond the picture left out."""
    first = min(max(0, round(middle - length / 2)), side - 1)
    return first, min(max(first + 1, round(middle + length / 2)), side)


def _window(mesh: Mesh, points: Sequence[int], size: tuple[float, float], side: int) -> Window:
    x, y = mesh.points[list(points)].mean(axis=0)
    left, right = _span(float(x), size[0] * mesh.interocular, side)
    top, bottom = _span(float(y), size[1] * mesh.interocular, side)
    return Window(left, top, right, bottom)


def face_windows(mesh: Mesh, *, side: int) -> FaceWindows:
    """About the middle of the lips and of each eye's corners, in a picture of this side."""
    right, left = (_window(mesh, corners, EYE_SIZE, side) for corners in EYE_CORNERS)
    return FaceWindows(_window(mesh, LIPS, MOUTH_SIZE, side), (right, left))


@dataclass(frozen=True, slots=True, eq=False)
class WindowDistances:
    """Each (T,): MSE over RGB samples, both eyes' together, and LPIPS, the mean of both eyes; NaN without windows."""

    mouth_mse: Track
    eyes_mse: Track
    mouth_lpips: Track
    eyes_lpips: Track


def _squared(original: Image, decoded: Image) -> NDArray[np.float32]:
    return np.asarray(np.square(original.astype(np.float32) - decoded), np.float32).ravel()


def _resized(picture: Image, size: tuple[int, int]) -> Image:
    method = cv2.INTER_AREA if picture.shape[0] > size[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def _lpips(lpips: Lpips, pairs: Sequence[tuple[Image, Image]], size: tuple[int, int]) -> NDArray[np.float64]:
    """Of each pair of crops, brought to one size. # -> (len(pairs),)"""
    found: list[float] = []
    for start in range(0, len(pairs), BATCH):
        columns = zip(*pairs[start : start + BATCH], strict=True)
        originals, decoded = (as_tensor(np.stack([_resized(one, size) for one in column])) for column in columns)
        found += lpips(originals, decoded).tolist()
    return np.array(found)


def window_distances(
    original: Pictures, decoded: Pictures, windows: Sequence[FaceWindows | None], *, lpips: Lpips | None
) -> WindowDistances:
    """Mouth and eyes of each frame that has windows, against the same places of the original. # (T, S, S, 3) twice"""
    tracks = np.full((4, len(original)), np.nan)
    frames = [index for index, window in enumerate(windows) if window is not None]
    mouths, eyes = [], []
    for a, b, window in zip(original, decoded, windows, strict=True):
        if window is not None:
            mouths.append((window.mouth.cut(a), window.mouth.cut(b)))
            eyes.append([(eye.cut(a), eye.cut(b)) for eye in window.eyes])
    if frames:
        tracks[0, frames] = [_squared(*pair).mean() for pair in mouths]
        tracks[1, frames] = [np.concatenate([_squared(*pair) for pair in both]).mean() for both in eyes]
    if frames and lpips is not None:
        tracks[2, frames] = _lpips(lpips, mouths, MOUTH_PIXELS)
        flat = [pair for both in eyes for pair in both]
        tracks[3, frames] = _lpips(lpips, flat, EYE_PIXELS).reshape(-1, 2).mean(axis=1)
    return WindowDistances(*tracks)
