"""Stage 10, display (offline): each clip's eyes and mouth, large: original, ours, an anchor at the nearest rate."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clips.clip import Picture
from benchmarks.rate.eyes_and_mouth import Strips
from benchmarks.rate.rows import OURS
from benchmarks.rate.run import ClipResult
from benchmarks.rate.sheet import MOST_CLIPS, caption, figures, middle, nearest

WIDTH = 384  # of each piece
GAP = 6


def _column(picture: Picture, strips: Strips, first: str, second: str) -> Picture:
    pieces = [strip.cut(picture, width=WIDTH) for strip in (strips.eyes, strips.mouth)]
    column = np.vstack([caption(first, second, width=WIDTH), *pieces])
    return np.asarray(np.pad(column, ((0, GAP), (0, GAP), (0, 0)), constant_values=255), np.uint8)


def _band(result: ClipResult, anchor: str | None) -> Picture:
    ours = middle(result.measured)
    columns = [
        _column(result.still, result.strips, f"{result.name}: original", "frame least like frame 0"),
        _column(ours.still, result.strips, f"{OURS} {ours.row.setting}", figures(ours.row)),
    ]
    if anchor is not None:
        one = nearest(result.measured, codec=anchor, kbps=max(ours.row.kbps, 0.01))
        columns.append(_column(one.still, result.strips, f"{anchor} {one.row.setting}", figures(one.row)))
    return np.hstack(columns)


def best_anchor(anchors: Sequence[str]) -> str | None:
    """AV1 where it was measured, else the last anchor, if there is any."""
    return "svtav1" if "svtav1" in anchors else next(reversed(anchors), None)


def write_details(results: Sequence[ClipResult], path: Path, *, anchors: Sequence[str]) -> None:
    """One band a clip (the first eight). The suffix chooses PNG or JPEG."""
    anchor = best_anchor(anchors)
    sheet = np.vstack([_band(result, anchor) for result in results[:MOST_CLIPS]])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(sheet[..., ::-1]))
