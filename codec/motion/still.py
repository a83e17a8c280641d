"""Stage 3, still places: what stands still behind a head that moves is not moved with it.

A warping field is smooth, and so takes along what is behind a head: door frames bend. Both ends hold the references of
before, as decoded, bit for bit; a place that looks alike in all of them, though the head was elsewhere, is background.
Where the field takes a still place from a still place, it does not move it. A face is never still: skin looks alike
wherever it moves.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from codec.motion.face_box import FaceBox
from codec.motion.parameters import FLOW_SIZE
from codec.units import Floats, Image

__all__ = ["REFERENCES_COMPARED", "held_share", "still_places", "without_still_places"]

REFERENCES_COMPARED = 2  # with the newest
_ALIKE, _UNLIKE = 5.0, 12.0  # levels by which a place differs that is still, and one that is not
_BLUR, _SPREAD = 5, 3  # pixels; cells of the field
_FACE, _EDGE = 0.36, 2.0  # radius, in sides of the face's box; cells from face to no face

_CELLS = np.stack(np.meshgrid(*(np.arange(FLOW_SIZE, dtype=np.float32),) * 2), -1)


def still_places(newest: Image, before: Sequence[Image], *, face: FaceBox | None) -> Floats | None:
    """Decoded references uint8 (S, S, 3) -> how still each cell is (64, 64), 0 .. 1.

    `face` is where the newest shows one. None without a face, or without earlier ones.
    """
    if not before or face is None:
        return None
    unlike = np.zeros((FLOW_SIZE, FLOW_SIZE), np.float32)
    for picture in before:
        difference = cv2.blur(cv2.absdiff(newest, picture).max(-1), (_BLUR, _BLUR))
        cells = cv2.resize(difference, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)
        unlike = np.maximum(unlike, cells)
    unlike = np.asarray(cv2.dilate(unlike, np.ones((_SPREAD, _SPREAD), np.uint8)), np.float32)
    return np.asarray(np.clip((_UNLIKE - unlike) / (_UNLIKE - _ALIKE), 0, 1) * _outside(face), np.float32)


def _outside(face: FaceBox) -> Floats:
    """0 in the face's disc, 1 outside (64, 64)."""
    centre, side = (part * np.float32(FLOW_SIZE) for part in face.place)
    away = np.hypot(*(_CELLS - centre + np.float32(0.5)).transpose(2, 0, 1)) - _FACE * side
    return np.asarray(np.clip(away / _EDGE, 0, 1), np.float32)


def without_still_places(flow: Floats, still: Floats | None) -> Floats:
    """The field (64, 64, 2) with those moves taken out that lead from one still place to another."""
    return flow if still is None else np.asarray(flow * (1 - held_share(flow, still))[..., None], np.float32)


def held_share(flow: Floats, still: Floats) -> Floats:
    """How much of each cell's move (64, 64) is from one still place to another."""
    taken = (_CELLS + flow * np.float32(FLOW_SIZE / 2)).astype(np.float32)
    across, down = (np.ascontiguousarray(taken[..., axis]) for axis in (0, 1))
    source = cv2.remap(still, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(still * source, np.float32)
