"""Stages 3 and 4, face box: where in a reference to look for the face, in 24 bits.

Both ends find a reference's landmarks in its decoded picture; the box says where to start, so that they look at the
same pixels. It is square, upright with the face, and told in a 256x256 picture.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from codec.motion.expression import PICTURE_SIDE
from codec.motion.tracking import CROP_SIZE, face_frame, square_frame
from codec.units import Floats

__all__ = ["FaceBox"]

_CELL = 2.0  # pixels
_SMALLEST, _OCTAVE = 24.0, 8  # pixels; sides to a doubling
_TURNS = 32  # to a full turn


@dataclass(frozen=True, slots=True)
class FaceBox:
    """x, y of the centre in cells; side as steps of an eighth of an octave; turn in 32nds of a full one."""

    x: int
    y: int
    side: int
    turn: int

    SIZES: ClassVar[tuple[int, int, int, int]] = (128, 128, 32, _TURNS)  # how many values each field has

    @classmethod
    def of(cls, landmarks: Floats, *, side: int) -> "FaceBox":
        """About landmarks (112, 3) in pixels of a picture of that side."""
        frame = face_frame(landmarks * (PICTURE_SIDE / side))
        centre = frame[:, :2] @ np.full(2, (CROP_SIZE - 1) / 2) + frame[:, 2]
        extent = CROP_SIZE * float(np.hypot(*frame[:, 0]))
        turn = float(np.arctan2(frame[1, 0], frame[0, 0])) / (2 * np.pi) * _TURNS
        steps = _OCTAVE * np.log2(max(extent, _SMALLEST) / _SMALLEST)
        across, down, most, _ = cls.SIZES
        return cls(
            int(np.clip(np.round(centre[0] / _CELL), 0, across - 1)),
            int(np.clip(np.round(centre[1] / _CELL), 0, down - 1)),
            int(np.clip(np.round(steps), 0, most - 1)),
            round(turn) % _TURNS,
        )

    @property
    def place(self) -> tuple[Floats, np.float32]:
        """Centre (2,), x and y, and side, where the picture is 1 wide."""
        side = _SMALLEST * 2 ** (self.side / _OCTAVE) / PICTURE_SIDE
        return np.array([self.x, self.y], np.float32) * np.float32(_CELL / PICTURE_SIDE), np.float32(side)

    def frame(self, *, side: int) -> Floats:
        """The frame (2, 3) of the crop, in a picture of that side."""
        angle = 2 * np.pi * self.turn / _TURNS
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        extent = _SMALLEST * 2 ** (self.side / _OCTAVE)
        zoom = side / PICTURE_SIDE
        return square_frame(np.array([self.x, self.y]) * _CELL * zoom, extent * zoom, turn=turn)
