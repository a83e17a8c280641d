"""Stage 10, ready: pictures that were made ahead of time wait here until they are due."""

from collections import deque
from dataclasses import dataclass
from typing import Any, Self

from codec.units import Image
from receiver.motion.playout import Slot

__all__ = ["Due", "Ready"]


@dataclass(frozen=True, slots=True)
class Due:
    """A picture, uint8 (H, W, 3), the sender's time of it (1/90000 s), and when to show it on our clock."""

    image_rgb: Image
    pts: int
    due_us: int
    mixed: bool = False  # see Picture

    @classmethod
    def of(cls, slot: Slot[Any], image_rgb: Image) -> Self:
        """What was made of a slot of the playout."""
        return cls(image_rgb, slot.pts, slot.due_us, slot.before is not None)


class Ready:
    """Pictures in the order in which they were made, which is that of their times. Pure: the clock comes with calls."""

    def __init__(self) -> None:
        self._waiting: deque[Due] = deque()
        self.skipped = 0

    def add(self, picture: Due) -> None:
        """Takes a picture as it was made."""
        self._waiting.append(picture)

    @property
    def due_us(self) -> int | None:
        """When the next picture is to be shown; None when none waits."""
        return self._waiting[0].due_us if self._waiting else None

    def take(self, *, now_us: int) -> Due | None:
        """The newest picture that is due, or None; older ones that are due as well are skipped."""
        picture = None
        while self._waiting and self._waiting[0].due_us <= now_us:
            self.skipped += picture is not None
            picture = self._waiting.popleft()
        return picture
