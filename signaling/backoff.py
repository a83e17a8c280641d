"""Signaling, backoff: pauses between tries, which grow, and which no two ends make alike.

Ends that lose one server at one moment must not come back to it at one moment: each pause is between half and all of
its length, by chance.
"""

import random
from collections.abc import Callable

__all__ = ["Backoff"]


class Backoff:
    """The pauses of one thing that is tried again. `chance` gives numbers from 0 to 1."""

    def __init__(self, *, first_s: float, longest_s: float, chance: Callable[[], float] = random.random) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._length_s = first_s

    def next_s(self) -> float:
        """The pause before the next try, in seconds; the one after it is twice as long, up to the longest."""
        pause_s = self._length_s * (0.5 + 0.5 * self._chance())
        self._length_s = min(2 * self._length_s, self._longest_s)
        return pause_s

    def reset(self) -> None:
        """It worked: the next pause is the first one again."""
        self._length_s = self._first_s
