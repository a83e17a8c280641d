"""Stage 2, look: runs the face detector beside the codec, on one picture at a time."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from codec.pictures.face import FaceBox

__all__ = ["FaceFinder", "Look", "Looks"]


class FaceFinder(Protocol):
    """What is needed of `codec.pictures.face.FaceDetector`."""

    def detect(self, image_rgb: npt.NDArray[np.uint8], *, near: FaceBox | None = None) -> FaceBox | None:
        """The face of uint8 (H, W, 3), or None; with `near` the one that was there a moment ago, or None."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in the picture taken at `pts` (1/90000 s)."""

    box: FaceBox | None
    pts: int


class Looks:
    """One look at a time, in `thread`; without one, in the caller's."""

    def __init__(
        self, thread: Executor | None = None, *, stage: Callable[[str], AbstractContextManager[None]] | None = None
    ) -> None:
        self._thread = thread
        self._stage = stage or (lambda name: nullcontext())
        self._pending: Future[Look] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a look is under way."""
        return self._pending is not None and not self._pending.done()

    def begin(
        self,
        finder: FaceFinder,
        image_rgb: npt.NDArray[np.uint8],
        *,
        pts: int,
        near: FaceBox | None = None,
        wait: bool,
    ) -> None:
        """Begins to look at uint8 (H, W, 3), in place of an earlier look; `wait` makes it in the caller's thread.

        `near` is the face that is followed, if one is.
        """
        if self._thread is not None and not wait:
            self._pending = self._thread.submit(self._look, finder, image_rgb, pts, near)
            return
        self._pending = Future()
        self._pending.set_result(self._look(finder, image_rgb, pts, near))

    def take(self) -> Look | None:
        """What the last look found, once. Raises what the finder raised."""
        if self._pending is None or not self._pending.done():
            return None
        done, self._pending = self._pending, None
        return done.result()

    def _look(self, finder: FaceFinder, image_rgb: npt.NDArray[np.uint8], pts: int, near: FaceBox | None) -> Look:
        with self._stage("face"):
            return Look(finder.detect(image_rgb, near=near), pts)
