"""Stage 9, paint: mouth and eyes into a picture, each from the held references that show its expression best.

Each window has two candidates from references, warped by landmarks: the one whose lips or lids are nearest in shape,
and the one in use. Which they are follows from what both ends hold, so the choice costs no bits. The generator says how
much of them, and of the picture underneath, to take, and what to add; the blend happens at the picture's own
resolution, from pixels that were sampled once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import cv2
import numpy as np

from codec.motion.expression import Person
from codec.motion.face_windows import EYE, MOUTH, WINDOWS, Window, cut, window_frame, window_points
from codec.units import Array, Floats, Image
from codec.windows.outlines import outlines
from codec.windows.plate import plate_maps

__all__ = ["FaceReference", "WindowNets", "paint"]

_FADE = 0.16  # of a window's sides
_SHARES = 3


class WindowNets(Protocol):
    """The generators as they run: uint8 (B, H, W, 15) -> float32 (B, H, W, 6), shares and what to add in levels.

    Each is begun, and its outcome called for: what else there is to do for a window is done beside them.
    """

    def mouth(self, inputs: Image) -> Callable[[], Floats]: ...

    def eyes(self, inputs: Image) -> Callable[[], Floats]: ...


@dataclass(frozen=True, slots=True, eq=False)
class FaceReference:
    """A reference as the windows see it: picture (S, S, 3), landmarks (112, 3) in its pixels, the person in it."""

    picture: Image
    landmarks: Floats
    person: Person
    shapes: dict[str, Floats] = field(default_factory=dict)  # by window, made when first asked for
    drawn: dict[str, Image] = field(default_factory=dict)

    def shape(self, window: Window) -> Floats:
        if window.name not in self.shapes:
            self.shapes[window.name] = _shape(self.landmarks, window, window_frame(self.landmarks, window))
        return self.shapes[window.name]

    def outlines(self, window: Window) -> Image:
        if window.name not in self.drawn:
            self.drawn[window.name] = outlines(self.shape(window), window)
        return self.drawn[window.name]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One window before it is drawn: its frame, what the generator sees, and where its candidates come from.

    A candidate that is both the nearest and the one in use stands once.
    """

    window: Window
    frame: Floats
    inputs: Image  # (height, width, 15)
    candidates: list[FaceReference]
    maps: Floats  # (height, width, 2 for each of them)


def paint(
    nets: WindowNets, picture: Image, landmarks: Floats, held: Sequence[FaceReference], *, windows: Sequence[Window]
) -> Image:
    """A picture (S, S, 3) with some windows drawn at landmarks (112, 3): eyes only both.

    `held` are the references, the one in use last.
    """
    if not windows:
        return picture
    begun = [_begin(nets, [look(picture, landmarks, held, one) for one in group]) for group in _groups(windows)]
    painted = picture.copy()
    for looks, outputs in begun:
        for one, shares in zip(looks, outputs(), strict=True):
            _blend(painted, one, shares)
    return painted


def look(picture: Image, landmarks: Floats, held: Sequence[FaceReference], window: Window) -> _Look:
    """What the generator is shown of a window."""
    frame = window_frame(landmarks, window)
    shape = _shape(landmarks, window, frame)
    pair = choose(shape, held, window)
    candidates = list(dict.fromkeys(pair))
    maps = plate_maps(landmarks, [one.landmarks for one in candidates], window, frame)
    sampled = [_sampled(one.picture, _map_of(maps, index), cv2.INTER_LINEAR) for index, one in enumerate(candidates)]
    size = (window.width, window.height)
    inputs = np.empty((window.height, window.width, 15), np.uint8)
    inputs[..., :3] = cut(picture, frame, size)
    inputs[..., 3:6], inputs[..., 6:9] = sampled[0], sampled[-1]
    inputs[..., 9:11] = outlines(shape, window)
    inputs[..., 11:13], inputs[..., 13:15] = (reference.outlines(window) for reference in pair)
    return _Look(window, frame, inputs, candidates, maps)


def choose(shape: Floats, held: Sequence[FaceReference], window: Window) -> tuple[FaceReference, FaceReference]:
    """The reference nearest to a shape (P, 2) in a window, and the one in use; the next nearest where they are one."""
    ranked = sorted(held, key=lambda reference: cv2.norm(reference.shape(window), shape))
    nearest = ranked[0]
    if nearest is not held[-1]:
        return nearest, held[-1]
    return nearest, ranked[1] if len(ranked) > 1 else nearest


def _shape(landmarks: Floats, window: Window, frame: Floats) -> Floats:
    return window_points(landmarks[list(window.shape)], frame)


def _groups(windows: Sequence[Window]) -> list[list[Window]]:
    """The mouth, and the eyes, which one generator draws in one go; of those that are there."""
    eyes = [window for window in windows if window is not MOUTH]
    return [*([[MOUTH]] if MOUTH in windows else []), *([eyes] if eyes else [])]


def _begin(nets: WindowNets, looks: Sequence[_Look]) -> tuple[Sequence[_Look], Callable[[], list[Floats]]]:
    """A group's generator, begun: what it is shown, and its outputs for each window; the left eye goes in mirrored."""
    if looks[0].window is MOUTH:
        mouth = nets.mouth(looks[0].inputs[None])
        return looks, lambda: [mouth()[0]]
    mirrored = [one.window is EYE[1] for one in looks]
    both = nets.eyes(
        np.stack([one.inputs[:, ::-1] if left else one.inputs for one, left in zip(looks, mirrored, strict=True)])
    )
    return looks, lambda: [shares[:, ::-1] if left else shares for shares, left in zip(both(), mirrored, strict=True)]


def _blend(picture: Image, one: _Look, outputs: Floats) -> None:
    """Draws a window into the picture, in place."""
    side_y, side_x = picture.shape[:2]
    box = _box(one.frame, one.window, width=side_x, height=side_y)
    if box is None:
        return
    left, top, right, bottom = box
    size = (right - left, bottom - top)
    way = cv2.INTER_LINEAR
    back = _back(one.frame, left=left, top=top)
    planes = outputs[..., 1:] * _fade(one.window)
    shares, total, maps = (
        cv2.warpAffine(np.ascontiguousarray(part), back, size, flags=way, borderMode=border)
        for part, border in (
            (_shares(planes, len(one.candidates)), cv2.BORDER_CONSTANT),
            (planes[..., _SHARES - 1 :], cv2.BORDER_CONSTANT),
            (one.maps, cv2.BORDER_REPLICATE),
        )
    )
    # Against what lies underneath, so that a share of nothing leaves a pixel as it is.
    under = picture[top:bottom, left:right]
    for index, reference in enumerate(one.candidates):
        seen = _sampled(reference.picture, _map_of(maps, index), cv2.INTER_CUBIC)
        share = cv2.merge([shares.reshape(*under.shape[:2], -1)[..., index]] * 3)
        total = cv2.add(total, cv2.multiply(share, cv2.subtract(seen, under, dtype=cv2.CV_32F)))
    picture[top:bottom, left:right] = cv2.add(under, total, dtype=cv2.CV_8U)


def _shares(planes: Floats, candidates: int) -> Floats:
    """(H, W, candidates): how much of each; of one that stands for both, the sum."""
    shares = planes[..., : _SHARES - 1]
    return shares if candidates > 1 else shares.sum(-1, keepdims=True)


def _map_of(maps: Array, index: int) -> Array:
    return np.ascontiguousarray(maps[..., 2 * index : 2 * index + 2])


def _sampled(picture: Image, where: Array, way: int) -> Image:
    return np.asarray(cv2.remap(picture, where, np.empty(0), way, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _back(frame: Floats, *, left: int, top: int) -> Floats:
    """From window pixels to those of a box of the picture, as warpAffine takes it forwards."""
    shifted = frame.copy()
    shifted[:, 2] -= (left, top)
    return shifted


def _box(frame: Floats, window: Window, *, width: int, height: int) -> tuple[int, int, int, int] | None:
    """The pixels that a window covers; None where that is nothing."""
    corners = np.array([(x, y, 1) for x in (0, window.width - 1) for y in (0, window.height - 1)]) @ frame.T
    left, top = (int(v) for v in np.floor(np.clip(corners.min(0), 0, (width, height))))
    right, bottom = (int(v) for v in np.ceil(np.clip(corners.max(0) + 1, 0, (width, height))))
    return (left, top, right, bottom) if right - left > 1 and bottom - top > 1 else None


@cache
def _fade(window: Window) -> Floats:
    """1 inside, falling to 0 at the edges, (height, width, 1)."""

    def ramp(pixels: int) -> Floats:
        edge = np.minimum(np.arange(pixels), np.arange(pixels)[::-1]) / (_FADE * pixels)
        return np.asarray(np.clip(edge, 0, 1), np.float32)

    return np.asarray(np.minimum(ramp(window.height)[:, None], ramp(window.width)[None]))[..., None]


assert len(WINDOWS) == 1 + len(EYE)
