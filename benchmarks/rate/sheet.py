"""Stage 10, display (offline): original, ours and the anchors side by side, with eyes and mouth enlarged."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clips.clip import Picture
from benchmarks.rate.eyes_and_mouth import Strips
from benchmarks.rate.rows import OURS, RateRow
from benchmarks.rate.run import ClipResult, Measured

TILE = 256  # side of the whole picture on the sheet
CAPTION = 34
MOST_CLIPS = 8


def caption(first: str, second: str, *, width: int = TILE) -> Picture:
    """Two lines of text, black on white."""
    band = np.full((CAPTION, width, 3), 255, np.uint8)
    for line, text in enumerate((first, second)):
        cv2.putText(band, text, (4, 14 + 15 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return band


def _tile(picture: Picture, strips: Strips, first: str, second: str) -> Picture:
    whole = cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_AREA)
    pieces = [strip.cut(picture, width=TILE) for strip in (strips.eyes, strips.mouth)]
    column = np.vstack([caption(first, second), whole, *pieces])
    return np.asarray(np.pad(column, ((0, 8), (0, 6), (0, 0)), constant_values=255), np.uint8)


def figures(row: RateRow) -> str:
    """What a picture cost, and how good the clip is."""
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
    ours = middle(result.measured)
    tiles = [
        _tile(result.still, result.strips, f"{result.name}: original", "frame least like frame 0"),
        _tile(ours.still, result.strips, f"{OURS} {ours.row.setting}", figures(ours.row)),
    ]
    for name in anchors:
        one = nearest(result.measured, codec=name, kbps=max(ours.row.kbps, 0.01))
        tiles.append(_tile(one.still, result.strips, name, figures(one.row)))
    return np.hstack(tiles)


def write_sheet(results: Sequence[ClipResult], path: Path, *, anchors: Sequence[str]) -> None:
    """One band a clip (the first eight): each anchor at the rate nearest to ours. The suffix chooses PNG or JPEG."""
    sheet = np.vstack([_band(result, anchors) for result in results[:MOST_CLIPS]])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1]))
