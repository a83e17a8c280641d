"""Stage 1, capture (from a file): a clip as the square pictures that every codec is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import ClipError, SettingError
from codec.errors import MediaError
from codec.input.video import open_video
from codec.pictures.video import VideoWriter
from codec.units import PTS_PER_S, Image

Pictures = NDArray[np.uint8]  # (T, S, S, 3) RGB

LEAST_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip cut to a square, scaled, and held in memory (196 kB a picture at 256)."""

    name: str
    fps: float
    pictures: Pictures

    @property
    def seconds(self) -> float:
        return len(self.pictures) / self.fps

    @property
    def side(self) -> int:
        return int(self.pictures.shape[1])


def square(image: Image, *, size: int) -> Image:
    """The centre square of `image`, scaled by area averaging where it shrinks. # (size, size, 3)"""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(cut)
    method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (size, size), interpolation=method), np.uint8)


def resampled(clip: Clip, *, fps: float) -> Clip:
    """At another rate and the same pace: each new picture is the one that the clip shows at that moment."""
    times = np.arange(max(1, round(clip.seconds * fps))) / fps
    shown = np.minimum((times * clip.fps + 1e-6).astype(np.intp), len(clip.pictures) - 1)
    return Clip(name=clip.name, fps=fps, pictures=clip.pictures[shown])


def to_and_fro(clip: Clip) -> Clip:
    """The clip and then backwards to where it began, so that played in a loop it never jumps."""
    return Clip(name=clip.name, fps=clip.fps, pictures=np.concatenate([clip.pictures, clip.pictures[-2:0:-1]]))


def write_clip(clip: Clip, path: Path) -> None:
    """To a video file, `.mp4` or `.mkv`. Raises MediaError."""
    with VideoWriter(path, fps=Fraction(clip.fps).limit_denominator(1001)) as writer:
        for index, picture in enumerate(clip.pictures):
            writer.write(picture, pts=round(index * PTS_PER_S / clip.fps))


def load_clip(path: Path, *, size: int, seconds: float) -> Clip:
    """Reads the first `seconds` of a video file, as the codec does.

    Raises ClipError when the file is missing, is not a video, or has fewer than two frames.
    """
    try:
        with open_video(path) as video:
            fps = float(video.fps)
            first = islice(video.pictures(), max(1, round(seconds * fps)))
            pictures = [square(image_rgb, size=size) for image_rgb, _ in first]
    except MediaError as error:
        raise ClipError(str(error)) from error
    if len(pictures) < LEAST_FRAMES:
        raise ClipError(f"{path}: {len(pictures)} frames, at least {LEAST_FRAMES} are needed")
    return Clip(name=path.stem, fps=fps, pictures=np.stack(pictures))


def unlike_names(paths: Sequence[Path]) -> None:
    """Raises SettingError on equal names."""
    if len({path.stem for path in paths}) < len(paths):
        raise SettingError("two clips have the same name; their rows could not be told apart")


def check_clips(paths: Sequence[Path], *, size: int) -> None:
    """Before long work: raises SettingError on equal names, ClipError on a file that is no clip."""
    unlike_names(paths)
    for path in paths:
        load_clip(path, size=size, seconds=1.0)


def write_looping(source: Path, path: Path, *, size: int, seconds: float, fps: float) -> None:
    """The first `seconds` of a clip at another frame rate, to and fro, as a video file to be played in a loop.

    Raises ClipError, MediaError.
    """
    write_clip(to_and_fro(resampled(load_clip(source, size=size, seconds=seconds), fps=fps)), path)
