"""Stage 10, tiles: several pictures as one, the speaker's with a frame around it. Pure.

One fills all of it, two stand side by side, three and four in two rows of two, more in as many rows as columns. A
place that is left over is the last one: your own picture is shown there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from codec.units import Image
from receiver.outputs.overlay import HELD_WORDS
from receiver.outputs.window import DIMMED
from receiver.picture import fit

__all__ = ["Tile", "draw", "leaves_a_place"]

_GROUND, _EMPTY = 16, (40, 40, 44)
_SPEAKS, _TEXT = (90, 200, 110), (200, 200, 200)
_FRAME_PART, _GAP_PART = 48, 128  # of a tile's side: how thick the frame is, and half of what is between two tiles
_WAITING = "no picture yet"


@dataclass(frozen=True, slots=True)
class Tile:
    """One other end: its newest picture, uint8 (H, W, 3), None before there is one, and whether it speaks.

    `is_held`: the picture is an old one, for nothing newer comes.
    """

    image_rgb: Image | None
    speaks: bool = False
    is_held: bool = False


def _laid_out(count: int) -> tuple[int, int]:
    """Rows and columns of so many."""
    columns = max(1, math.ceil(math.sqrt(count)))
    return max(1, math.ceil(count / columns)), columns


def leaves_a_place(count: int) -> bool:
    """Whether so many leave the corner at the bottom right free."""
    rows, columns = _laid_out(count)
    return rows * columns > count > 0


def draw(tiles: Sequence[Tile], *, side: int) -> Image:
    """All tiles, each `side` pixels square, as one picture, uint8 (rows * side, columns * side, 3). At least one."""
    rows, columns = _laid_out(len(tiles))
    canvas = np.full((rows * side, columns * side, 3), _GROUND, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        _put(canvas[row * side : (row + 1) * side, column * side : (column + 1) * side], tile)
    return canvas


def _put(place: Image, tile: Tile) -> None:
    """One tile into its square of the canvas; what separates it from others covers its edges, so nothing is scaled."""
    side = place.shape[0]
    if tile.image_rgb is None:
        place[:] = _EMPTY
        _write(place, _WAITING)
    else:
        place[:] = fit(tile.image_rgb, width=side, height=side)
        if tile.is_held:
            place[:] = place * np.float32(DIMMED)
            _write(place, HELD_WORDS)
    edge = max(1, side // _GAP_PART)
    _surround(place, 0, edge, _GROUND)
    if tile.speaks:
        _surround(place, edge, edge + max(2, side // _FRAME_PART), _SPEAKS)


def _surround(place: Image, begin: int, end: int, colour: int | tuple[int, int, int]) -> None:
    """Four bars, from `begin` to `end` pixels inside the edges."""
    side = place.shape[0]
    within = slice(begin, side - begin)
    for bar in (slice(begin, end), slice(side - end, side - begin)):
        place[bar, within] = colour
        place[within, bar] = colour


def _write(place: Image, text: str) -> None:
    """Words in the middle."""
    height, width = place.shape[:2]
    scale = width / 400
    (long, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    at = ((width - long) // 2, (height + high) // 2)
    written = np.ascontiguousarray(place)  # OpenCV draws into arrays of its own kind alone
    cv2.putText(written, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT, 1, cv2.LINE_AA)
    place[:] = written
