"""Stage 10, display: one reconstructed picture on its way to the viewer."""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from codec.sound import Samples
from codec.units import Image
from signaling.transport.costs import Kind

MAX_WAITING_BYTES = 64 << 20  # of pictures that wait in one place: 340 of 256x256, ten of the largest H.264


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its two times: `pts` on the sender's time line (1/90000 s), `shown_us` on the receiver's clock.

    `source` is uint8 RGB (H, W, 3), read-only: windows, files and the application may read it in threads of their own.
    A decoded frame is no such thing (codec.input.converter), so whoever takes one from a track converts it.
    """

    kind: Kind
    pts: int
    shown_us: int
    source: Image
    mixed: bool = False  # made of its neighbours, because its own motion never came

    def __post_init__(self) -> None:
        shared = self.source.view()
        shared.flags.writeable = False
        object.__setattr__(self, "source", shared)

    def rgb(self) -> Image:
        """The picture as uint8 RGB (H, W, 3), read-only."""
        return self.source


@dataclass(frozen=True, slots=True)
class Heard:
    """Some sound, float32 (N,) at 48 kHz, and when its first sample is heard, in 1/90000 s of a clock agreed on."""

    samples: Samples
    pts: int


class Waiting:
    """Pictures in their order, at most `capacity` of them and `MAX_WAITING_BYTES`: the oldest give way."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pictures: deque[Picture] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def first(self) -> Picture | None:
        """The oldest picture, which stays; None where there is none."""
        return self._pictures[0] if self._pictures else None

    def append(self, picture: Picture) -> int:
        """Adds a picture; how many had to go for it."""
        self._pictures.append(picture)
        self._bytes += picture.source.nbytes
        before = len(self)
        while len(self) > self._capacity or (len(self) > 1 and self._bytes > MAX_WAITING_BYTES):
            self.popleft()
        return before - len(self)

    def popleft(self) -> Picture:
        """The oldest picture."""
        picture = self._pictures.popleft()
        self._bytes -= picture.source.nbytes
        return picture


def fit(image_rgb: Image, *, width: int, height: int) -> Image:
    """`image_rgb` scaled into (height, width, 3) at its own proportions, black around it."""
    if image_rgb.shape[:2] == (height, width):
        return image_rgb
    scale = min(width / image_rgb.shape[1], height / image_rgb.shape[0])
    inner_width = max(1, min(width, round(image_rgb.shape[1] * scale)))
    inner_height = max(1, min(height, round(image_rgb.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    scaled = cv2.resize(image_rgb, (inner_width, inner_height), interpolation=interpolation)
    canvas[top : top + inner_height, left : left + inner_width] = scaled
    return canvas
