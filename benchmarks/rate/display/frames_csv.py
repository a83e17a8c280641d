"""Stage 10, meter (offline): what was measured of faces, frame by frame, as a table that other programs read."""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from benchmarks.quality.face_frames import FaceFrames
from benchmarks.quality.face_scores import blink_frames, opening_frames
from benchmarks.rate.results.measured import ClipResult, Measured

TRACKS = tuple(field.name for field in fields(FaceFrames))
HEADINGS = ("clip", "codec", "setting", "frame", "is_blink", "is_opening", *TRACKS)


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _lines(measured: Measured) -> Iterator[list[str]]:
    row, frames = measured.row, measured.frames
    assert frames is not None
    flags = zip(blink_frames(frames), opening_frames(frames), strict=True)
    tracks = zip(*(getattr(frames, name) for name in TRACKS), strict=True)
    for index, (flagged, values) in enumerate(zip(flags, tracks, strict=True)):
        numbers = [str(index), *(str(int(flag)) for flag in flagged), *map(_cell, values)]
        yield [row.clip, row.codec, row.setting, *numbers]


def write_frames(results: Iterable[ClipResult], path: Path) -> None:
    """One line a frame of everything that the mesh looked at, frames from 0, nothing where nothing was measured.

    Parent folders are made. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADINGS)
        for result in results:
            for measured in result.measured:
                writer.writerows(_lines(measured))
