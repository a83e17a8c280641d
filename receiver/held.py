"""Stage 10, display: whether the picture that is shown is held, because nothing newer comes; outputs may mark it."""

from collections.abc import Callable

from receiver.picture import Picture

__all__ = ["Held", "in_words"]

HELD_US = 1_000_000  # without a picture: longer than what loss and slow references make of a call that goes on


class Held:
    """Knows when the last picture was shown. `now_us` is the receiver's clock; `tick` is called a few times a second.

    Before the first picture nothing is held.
    """

    def __init__(self, *, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._shown_us: int | None = None
        self._watchers: list[Callable[[bool, float], None]] = []
        self.is_held = False

    def watch(self, callback: Callable[[bool, float], None]) -> None:
        """`callback(True, seconds)` when the picture is held, `callback(False, seconds)` when it was, for so long."""
        self._watchers.append(callback)

    @property
    def seconds(self) -> float:
        """For how long the picture on show has been held; 0 where it is not."""
        return self._age_s() if self.is_held else 0.0

    def shown(self, picture: Picture) -> None:
        """A picture is shown."""
        age_s, was_held = self._age_s(), self.is_held
        self._shown_us, self.is_held = picture.shown_us, False
        if was_held:
            self._tell(age_s)

    def tick(self) -> None:
        """Time passes."""
        if not self.is_held and self._age_s() * 1e6 > HELD_US:
            self.is_held = True
            self._tell(self._age_s())

    def _age_s(self) -> float:
        return 0.0 if self._shown_us is None else (self._now_us() - self._shown_us) / 1e6

    def _tell(self, seconds: float) -> None:
        for callback in self._watchers:
            callback(self.is_held, seconds)


def in_words(is_held: bool, seconds: float) -> str:
    """What whoever looks at the picture is told."""
    return "nothing new comes: the last picture is held" if is_held else f"pictures come again, after {seconds:.1f} s"
