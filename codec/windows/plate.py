"""Stage 9, warp: where in a reference each pixel of a window comes from, by a thin-plate spline of landmarks.

The spline (Bookstein, 1989) takes the target's landmarks about a window to those of the reference, smoothed a little so
that lids that meet do not tear. One factorisation serves all references; it is evaluated at every eighth pixel.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from codec.motion.face_windows import Window, window_points
from codec.motion.landmarks import points_of
from codec.units import Array, Floats

__all__ = ["plate_maps"]

_CELL = 8  # window pixels
_UNIT = 32.0  # window pixels to one unit of the spline
_SMOOTHING = 0.2
_AROUND = {
    "mouth": (2, 98, 327, 152, 176, 400, 172, 397, 132, 361, 1, 150, 379),
    "right eye": (70, 63, 105, 66, 107, 168, 234, 98, 6, 195),
    "left eye": (300, 293, 334, 296, 336, 168, 454, 327, 6, 195),
}


def plate_maps(target: Floats, references: list[Floats], window: Window, frame: Floats) -> Floats:
    """Landmarks (112, 3) of the target and of N references -> (height, width, 2 N): x, y in each reference.

    frame (2, 3) is the window's in the target's picture.
    """
    layout = _layout(window)
    nodes = list(layout.nodes)
    source = window_points(target[nodes], frame) / _UNIT
    count = len(nodes)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(source, source) + np.eye(count) * _SMOOTHING
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = source
    system[count + 1 :, :count] = source.T
    wanted = np.zeros((count + 3, 2 * len(references)))
    wanted[:count] = np.concatenate([landmarks[nodes, :2] for landmarks in references], 1)
    solved = np.linalg.solve(system, wanted)
    coarse = _kernel(layout.grid, source) @ solved[:count] + solved[count] + layout.grid @ solved[count + 1 :]
    rows = layout.down @ coarse.astype(np.float32).reshape(layout.down.shape[1], -1)
    return np.asarray(layout.across @ rows.reshape(len(rows), layout.across.shape[1], -1))


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """What depends on the window alone: its nodes, the coarse grid in spline units, and the way up from it."""

    nodes: tuple[int, ...]
    grid: Array
    down: Floats  # (height, rows)
    across: Floats  # (width, columns)


@cache
def _layout(window: Window) -> _Layout:
    columns, rows = window.width // _CELL + 1, window.height // _CELL + 1
    xs, ys = np.meshgrid(np.linspace(0, window.width - 1, columns), np.linspace(0, window.height - 1, rows))
    nodes = (*window.shape, *points_of(*_AROUND[window.name]))
    grid = np.stack((xs.ravel(), ys.ravel()), 1) / _UNIT
    return _Layout(nodes, grid, _interpolation(window.height, rows), _interpolation(window.width, columns))


def _interpolation(pixels: int, nodes: int) -> Floats:
    """(pixels, nodes): linear interpolation from nodes spread evenly from the first pixel to the last."""
    at = np.arange(pixels) / (pixels - 1) * (nodes - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(nodes))), np.float32)


def _kernel(a: Array, b: Array) -> Array:
    """r² log r of all pairs."""
    squares = np.subtract.outer(a[:, 0], b[:, 0]) ** 2
    squares += np.subtract.outer(a[:, 1], b[:, 1]) ** 2
    squares += 1e-9
    return np.asarray(0.5 * squares * np.log(squares))
