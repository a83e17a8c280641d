"""Stage 10, display (offline): original, facewire and an anchor at the same rate, moving, for a clip at a time.

A video of every frame with eyes and mouth enlarged below, where the original's mesh has them, and a picture of ten
frames: the mouth most open, the eyes most closed, and some evenly spaced.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clips.clip import Clip, Pictures, write_clip
from benchmarks.quality.expression import Track, eye_aperture, mouth_aperture
from benchmarks.quality.eyes_and_mouth import EyesAndMouth, places_over_time
from benchmarks.quality.faces import FoundFaces
from benchmarks.rate.display.caption import caption
from benchmarks.rate.results.rows import RateRow
from benchmarks.records.picture_file import save_picture
from codec.units import Image

VIDEO_WIDTH, STILL_WIDTH = 384, 192  # of a picture; what is enlarged below is as wide
STILLS, EXTREMES = 10, 3  # frames in the picture; of them by mouth, and by eyes
BETWEEN = 3  # white below the picture and below the eyes
APART_S = 0.2  # between two extremes of a kind, which are else the same one


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A codec's name, at what rate it is shown, and its pictures."""

    title: str
    rate: str
    pictures: Pictures


def shown_codec(row: RateRow, pictures: Pictures) -> Shown:
    """One row's pictures under its name."""
    return Shown(f"{row.codec} {row.setting}", f"{row.kbps:.1f} kbps", pictures)


def write_face_sheet(folder: Path, clip: Clip, found: FoundFaces, codecs: Sequence[Shown]) -> None:
    """`NAME.mp4` and `NAME.png` of the original and the codecs; the folder is made. Raises MediaError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = [Shown(f"{clip.name}: original", f"{clip.fps:.4g} fps", clip.pictures), *codecs]
    places = places_over_time(found.points, clip.pictures)
    frames = _all_frames(shown, places, width=VIDEO_WIDTH)
    write_clip(replace(clip, pictures=np.stack(list(frames))), folder / f"{clip.name}.mp4")
    stills = _stills(shown, places, telling_frames(found, fps=clip.fps))
    save_picture(stills, folder / f"{clip.name}.png")


def _extremes(track: Track, *, gap: int) -> list[int]:
    """The frames of the largest numbers, at least `gap` from one another; fewer where there are not so many."""
    chosen: list[int] = []
    for index in np.argsort(-track, kind="stable"):  # NaN comes last
        if len(chosen) == EXTREMES or np.isnan(track[index]):
            break
        if all(abs(int(index) - other) >= gap for other in chosen):
            chosen.append(int(index))
    return chosen


def telling_frames(found: FoundFaces, *, fps: float) -> list[int]:
    """Ten frames in order: mouth most open, eyes most closed, the others evenly spaced; all of a shorter clip."""
    points, interocular = found.points, found.interocular
    gap = max(1, round(APART_S * fps))
    chosen = set(_extremes(mouth_aperture(points, interocular), gap=gap))
    chosen |= set(_extremes(-eye_aperture(points, interocular), gap=gap))
    count = len(points)
    others = [index for index in range(count) if index not in chosen]
    wanted = min(len(others), STILLS - len(chosen))
    chosen |= {others[place] for place in np.linspace(0, len(others) - 1, wanted).round().astype(int)}
    return sorted(chosen)


def _tile(picture: Image, place: EyesAndMouth, *, width: int) -> Image:
    """A whole picture, and eyes and mouth below it. # (2 width + 2 BETWEEN, width, 3)"""
    method = cv2.INTER_AREA if len(picture) > width else cv2.INTER_CUBIC
    whole = np.asarray(cv2.resize(picture, (width, width), interpolation=method), np.uint8)
    white = np.full((BETWEEN, width, 3), 255, np.uint8)
    eyes, mouth = (one.cut(picture, width=width) for one in (place.eyes, place.mouth))
    return np.vstack([whole, white, eyes, white, mouth])


def _all_frames(shown: Sequence[Shown], places: Sequence[EyesAndMouth], *, width: int) -> Iterator[Image]:
    heads = np.hstack([caption(one.title, one.rate, width=width) for one in shown])
    for index, place in enumerate(places):
        yield np.vstack([heads, np.hstack([_tile(one.pictures[index], place, width=width) for one in shown])])


def _still(one: Shown, index: int, place: EyesAndMouth, title: str) -> Image:
    frame = f"frame {index}, {one.rate}" if title else f"frame {index}"
    return np.vstack([caption(title, frame, width=STILL_WIDTH), _tile(one.pictures[index], place, width=STILL_WIDTH)])


def _stills(shown: Sequence[Shown], places: Sequence[EyesAndMouth], frames: Sequence[int]) -> Image:
    """A column for each of the frames, a band for each codec, whose name is above the first."""
    bands = []
    for one in shown:
        titles = [one.title, *[""] * (len(frames) - 1)]
        tiles = [_still(one, index, places[index], title) for index, title in zip(frames, titles, strict=True)]
        bands.append(np.hstack(tiles))
    return np.vstack(bands)
