"""Stage 4, window choice: whether mouth and eyes are drawn, by comparing the picture with and without them.

A wrong landmark must never draw a monster. But the eye forgives a soft mouth, not one that is shut while it speaks: a
window that brings lips or lids nearer to where they are may cost some squared error, one that does not may not.
"""

from collections.abc import Sequence

import numpy as np

from codec.motion.face_windows import EYE, MOUTH, Window, cut, window_frame
from codec.motion.tracking import LandmarkNets, window_landmarks
from codec.state.chain import EYES_BIT, MOUTH_BIT
from codec.units import Floats, Image

__all__ = ["windows_worth_drawing"]

# Squared error with the window to that without it, up to which it is drawn: anyway, and if it improves the shape.
_FREE, _FORGIVEN = 0.9, 2.0
_GROUPS: tuple[tuple[int, Sequence[Window]], ...] = ((MOUTH_BIT, (MOUTH,)), (EYES_BIT, EYE))


def windows_worth_drawing(nets: LandmarkNets, target: Image, *, without: Image, drawn: Image, landmarks: Floats) -> int:
    """Pictures (S, S, 3): what is to be shown, without and with all windows drawn at landmarks -> the bits to send."""
    bits = 0
    for bit, windows in _GROUPS:
        before, after = (sum(_error(target, shown, landmarks, w) for w in windows) for shown in (without, drawn))
        if after <= _FREE * before or (
            after <= _FORGIVEN * before and _nearer(nets, without, drawn, landmarks, windows)
        ):
            bits |= bit
    return bits


def _error(target: Image, shown: Image, landmarks: Floats, window: Window) -> float:
    """Sum of squares over the window."""
    frame, size = window_frame(landmarks, window), (window.width, window.height)
    difference = cut(target, frame, size).astype(np.float32) - cut(shown, frame, size)
    return float((difference**2).sum())


def _nearer(nets: LandmarkNets, without: Image, drawn: Image, landmarks: Floats, windows: Sequence[Window]) -> bool:
    """Whether the drawn picture shows lips or lids nearer to where they were drawn than the other does."""

    def away(shown: Image) -> float:
        found = [window_landmarks(nets, shown, landmarks, window) for window in windows]
        wanted = [landmarks[list(window.shape), :2] for window in windows]
        return sum(float(np.abs(a - b).sum()) for a, b in zip(found, wanted, strict=True))

    return away(drawn) <= away(without)
