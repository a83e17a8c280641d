"""Signaling, backoff: how long to wait before what failed is tried again, and what was asked for is done again."""

import random
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Restraint", "Retries"]


class Retries:
    """Pauses that double from `first_s` to `longest_s` until something succeeds.

    Each is drawn from its upper half: ends that failed together do not come back together. Between two tries lies
    half of `longest_s` at least, however often they fail.
    """

    def __init__(
        self, *, first_s: float = 0.5, longest_s: float = 30.0, draw: Callable[[], float] = random.random
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._draw = draw
        self._next_s = first_s

    def pause_s(self) -> float:
        """How long to wait now, after one more failure."""
        upper_s, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return upper_s * (1 + self._draw()) / 2

    def succeeded(self) -> None:
        """It worked: the next failure is the first again."""
        self._next_s = self._first_s


@dataclass(slots=True)
class Restraint:
    """How soon one is helped again: who asks again and again waits twice as long each time, until all is calm. Pure.

    What helps a receiver is work for it too, and one that has too much of it asks the more, the more it is helped.
    """

    first_wait_s: float = 1.0
    longest_wait_s: float = 8.0
    _wait_s: float = 0.0
    _helped_s: float | None = None

    def allows(self, now_s: float) -> bool:
        """Whether it may be helped now."""
        return self._helped_s is None or now_s - self._helped_s >= self._wait_s

    def helped(self, now_s: float) -> None:
        """It is."""
        again = self._helped_s is not None and now_s - self._helped_s < 2 * self.longest_wait_s
        self._wait_s = min(2 * self._wait_s, self.longest_wait_s) if again else self.first_wait_s
        self._helped_s = now_s
