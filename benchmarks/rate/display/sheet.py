"""Stage 10, display (offline): original, facewire and the anchors side by side, as --sheet and --details draw them.

A sheet shows whole pictures, and eyes and mouth enlarged below; details are eyes and mouth alone, larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.quality.eyes_and_mouth import EyesAndMouth
from benchmarks.rate.anchors.setups import best_anchor
from benchmarks.rate.display.caption import caption
from benchmarks.rate.results.measured import ClipResult, Measured
from benchmarks.rate.results.rows import FACEWIRE, RateRow, nearest
from benchmarks.records.picture_file import save_picture
from codec.units import Image

BESIDE = 6  # white to the right of a column
MOST_CLIPS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """How a column looks: its width, whether the whole picture is on top, how much white is below."""

    width: int
    has_whole: bool
    below: int
    names_settings: bool  # of anchors, in captions


SHEET = Layout(width=256, has_whole=True, below=8, names_settings=False)
DETAILS = Layout(width=384, has_whole=False, below=6, names_settings=True)


def _figures(row: RateRow) -> str:
    """What a picture cost, and how good the clip is."""
    lpips = "" if row.lpips is None else f", LPIPS {row.lpips:.3f}"
    return f"{row.kbps:.1f} kbps, {row.psnr_db:.1f} dB{lpips}"


def _middle(measured: Sequence[Measured]) -> Measured:
    """Facewire at the middle of its rates."""
    by_rate = sorted((one for one in measured if one.row.codec == FACEWIRE), key=lambda one: one.row.kbps)
    return by_rate[len(by_rate) // 2]


def _nearest(measured: Sequence[Measured], *, codec: str, kbps: float) -> Measured:
    """The codec's point that `rows.nearest` finds."""
    row = nearest([one.row for one in measured], codec=codec, kbps=kbps)
    return next(one for one in measured if one.row is row)


def _column(picture: Image, places: EyesAndMouth, first: str, second: str, layout: Layout) -> Image:
    side = layout.width
    whole = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)] if layout.has_whole else []
    pieces = [place.cut(picture, width=side) for place in (places.eyes, places.mouth)]
    column = np.vstack([caption(first, second, width=side), *whole, *pieces])
    return np.asarray(np.pad(column, ((0, layout.below), (0, BESIDE), (0, 0)), constant_values=255), np.uint8)


def _band(result: ClipResult, anchors: Sequence[str], layout: Layout) -> Image:
    facewire = _middle(result.measured)
    shown = [
        (result.still, f"{result.name}: original", "frame least like frame 0"),
        (facewire.still, f"{FACEWIRE} {facewire.row.setting}", _figures(facewire.row)),
    ]
    for name in anchors:
        one = _nearest(result.measured, codec=name, kbps=facewire.row.kbps)
        title = f"{name} {one.row.setting}" if layout.names_settings else name
        shown.append((one.still, title, _figures(one.row)))
    return np.hstack([_column(still, result.eyes_and_mouth, first, second, layout) for still, first, second in shown])


def _codecs(result: ClipResult) -> set[str]:
    return {one.row.codec for one in result.measured}


def _write(results: Sequence[ClipResult], path: Path, anchors: Sequence[str], layout: Layout) -> None:
    shown = results[:MOST_CLIPS]
    everywhere = [name for name in anchors if all(name in _codecs(result) for result in shown)]
    bands = np.vstack([_band(result, everywhere, layout) for result in shown])
    save_picture(bands, path)


def write_sheet(results: Sequence[ClipResult], path: Path, *, anchors: Sequence[str]) -> None:
    """One band a clip (the first eight): each anchor at the rate nearest to facewire's. The suffix chooses PNG or JPEG.

    Anchors are named without their settings: the captions are narrow. One that failed on a clip is not shown.
    """
    _write(results, path, anchors, SHEET)


def write_details(results: Sequence[ClipResult], path: Path, *, anchors: Sequence[str]) -> None:
    """As `write_sheet`, but eyes and mouth alone, and of the anchors the best."""
    anchor = best_anchor(anchors)
    _write(results, path, [] if anchor is None else [anchor], DETAILS)
