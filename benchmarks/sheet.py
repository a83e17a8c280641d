"""Stage 10, display (offline): original, ours and the anchors side by side, with eyes and mouth enlarged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clip import Picture
from benchmarks.rate import ClipResult, Measured
from benchmarks.rows import OURS, RateRow
from codec.face import FaceDetector

TILE = 256  # side of the whole picture on the sheet
DETAIL = 128  # height of each enlarged strip
CAPTION = 34
MOST_CLIPS = 8


@dataclass(frozen=True, slots=True)
class Strip:
    """A rectangle of twice the width of its height, in fractions of the picture's side."""

    x: float
    y: float
    width: float

    def cut(self, picture: Picture) -> Picture:
        side = len(picture)
        width = min(side, max(8, round(self.width * side)))
        height = width // 2
        left = min(max(0, round(self.x * side)), side - width)
        top = min(max(0, round(self.y * side)), side - height)
        piece = picture[top : top + height, left : left + width]
        return np.asarray(cv2.resize(piece, (TILE, DETAIL), interpolation=cv2.INTER_CUBIC), np.uint8)


def eyes_and_mouth(picture: Picture) -> tuple[Strip, Strip]:
    """Where to look, from the face found; the middle of the picture where none is found."""
    face = FaceDetector().detect(picture)
    side = len(picture)
    box = (0.28 * side, 0.25 * side, 0.44 * side, 0.44 * side) if face is None else (face.x, face.y, face.w, face.h)
    x, y, width, height = (value / side for value in box)
    eyes = Strip(x + 0.08 * width, y + 0.18 * height, 0.84 * width)
    mouth = Strip(x + 0.2 * width, y + 0.62 * height, 0.6 * width)
    return eyes, mouth


def _caption(first: str, second: str) -> Picture:
    band = np.full((CAPTION, TILE, 3), 255, np.uint8)
    for line, text in enumerate((first, second)):
        cv2.putText(band, text, (4, 14 + 15 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return band


def _tile(picture: Picture, strips: tuple[Strip, Strip], first: str, second: str) -> Picture:
    whole = cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_AREA)
    column = np.vstack([_caption(first, second), whole, *(strip.cut(picture) for strip in strips)])
    return np.asarray(np.pad(column, ((0, 8), (0, 6), (0, 0)), constant_values=255), np.uint8)


def _figures(row: RateRow) -> str:
    lpips = "" if row.lpips is None else f", LPIPS {row.lpips:.3f}"
    return f"{row.kbps:.1f} kbps, {row.psnr_db:.1f} dB{lpips}"


def middle(measured: Sequence[Measured]) -> Measured:
    """Ours at the middle of its rates."""
    ours = sorted((one for one in measured if one.row.codec == OURS), key=lambda one: one.row.kbps)
    return ours[len(ours) // 2]


def nearest(measured: Sequence[Measured], *, codec: str, kbps: float) -> Measured:
    """The codec's point nearest in log rate."""
    return min((one for one in measured if one.row.codec == codec), key=lambda one: abs(math.log(one.row.kbps / kbps)))


def _band(result: ClipResult, anchors: Sequence[str]) -> Picture:
    strips = eyes_and_mouth(result.still)
    ours = middle(result.measured)
    tiles = [
        _tile(result.still, strips, f"{result.name}: original", "frame least like frame 0"),
        _tile(ours.still, strips, f"{OURS} {ours.row.setting}", _figures(ours.row)),
    ]
    for name in anchors:
        one = nearest(result.measured, codec=name, kbps=max(ours.row.kbps, 0.01))
        tiles.append(_tile(one.still, strips, name, _figures(one.row)))
    return np.hstack(tiles)


def write_sheet(results: Sequence[ClipResult], path: Path, *, anchors: Sequence[str]) -> None:
    """One band a clip (the first eight): each anchor at the rate nearest to ours. The suffix chooses PNG or JPEG."""
    sheet = np.vstack([_band(result, anchors) for result in results[:MOST_CLIPS]])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1]))
