"""Stage 10, display (of a demo): original, keypoints and H.264 side by side, aligned by their time stamps."""

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from codec.pictures.video import VideoWriter
from codec.units import PTS_PER_S, Image

__all__ = ["Column", "Recording", "read_recording", "write_montage"]


PANEL = 384  # side of a picture in the montage
HEADER = 64
GAP = 8
WHITE, GREY, DARK = (240, 240, 240), (170, 170, 170), (24, 24, 24)


@dataclass(frozen=True, slots=True)
class Recording:
    """Pictures with the sender's time stamps, increasing."""

    pts: tuple[int, ...] = ()
    pictures: tuple[Image, ...] = ()

    def at(self, pts: int) -> Image | None:
        """What a viewer sees of it at `pts`: the newest picture that is not later. None before the first."""
        index = bisect.bisect_right(self.pts, pts) - 1
        return None if index < 0 else self.pictures[index]

    def snapped(self, pts: Sequence[int]) -> "Recording":
        """The same pictures at the nearest of the time stamps `pts`: files and bitstreams round them."""
        nearest: dict[int, Image] = {}
        for own, picture in zip(self.pts, self.pictures, strict=True):
            index = bisect.bisect_left(pts, own)
            around = pts[max(0, index - 1) : index + 1]
            nearest[min(around, key=lambda candidate: abs(candidate - own))] = picture
        return Recording(tuple(nearest), tuple(nearest.values()))


@dataclass(frozen=True, slots=True)
class Column:
    """One picture of the montage: its title, the line under it at a time stamp, and whether it is marked."""

    title: str
    recording: Recording
    caption: Callable[[int], str] = field(default=lambda pts: "")
    label: str = ""


def read_recording(path: Path) -> Recording:
    """A recording as it was written; empty if there is no such file, as when no picture of its kind came."""
    if not path.exists():
        return Recording()
    pts: list[int] = []
    pictures: list[Image] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None:
                pts.append(round(frame.time * PTS_PER_S))
                pictures.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
    return Recording(tuple(pts), tuple(pictures))


def write_montage(path: Path, columns: Sequence[Column]) -> Iterator[int]:
    """Writes one picture for each of the first column's, yielding how many are written. Raises MediaError."""
    with VideoWriter(path, comment="facewire demo: original | keypoints, reconstructed | H.264") as writer:
        for count, pts in enumerate(columns[0].recording.pts, start=1):
            writer.write(_picture(columns, pts), pts=pts)
            yield count


def _picture(columns: Sequence[Column], pts: int) -> Image:
    width = len(columns) * PANEL + (len(columns) - 1) * GAP
    canvas = np.full((HEADER + PANEL, width, 3), DARK, np.uint8)
    for index, column in enumerate(columns):
        left = index * (PANEL + GAP)
        _text(canvas, column.title, (left + 6, 24), scale=0.62, colour=WHITE)
        _text(canvas, column.caption(pts), (left + 6, 50), scale=0.44, colour=GREY)
        picture = column.recording.at(pts)
        if picture is None:
            _text(canvas, "no picture yet", (left + 120, HEADER + PANEL // 2), scale=0.6, colour=GREY)
            continue
        panel = np.asarray(cv2.resize(picture, (PANEL, PANEL), interpolation=cv2.INTER_CUBIC), np.uint8)
        if column.label:
            _text(panel, column.label, (8, PANEL - 10), scale=0.45, colour=WHITE, outline=True)
        canvas[HEADER:, left : left + PANEL] = panel
    return canvas


def _text(
    image: NDArray[np.uint8],
    text: str,
    place: tuple[int, int],
    *,
    scale: float,
    colour: tuple[int, int, int],
    outline: bool = False,
) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    if outline:
        cv2.putText(image, text, place, font, scale, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(image, text, place, font, scale, colour, 1, cv2.LINE_AA)
