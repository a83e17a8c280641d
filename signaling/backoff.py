"""Signaling, backoff: how long to wait before what failed is tried again."""

import random
from collections.abc import Callable

__all__ = ["Retries"]


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
