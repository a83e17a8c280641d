"""Stages 5 and 6, assumed: which references receivers hold that confirm nothing, over channels that lose nothing. Pure.

Through an SFU all messages arrive, in the order in which they left. So a reference is there before any motion that left
after it; but a receiver restores it beside its other work, and motion that comes sooner than that has to wait there. So
it is taken to be held half a second after its last piece has left.
"""

from collections import deque
from collections.abc import Callable

__all__ = ["Assumed"]

_RESTORED_S = 0.5


class Assumed:
    """Tells `held` of each reference once that time is over; of none where the channels are not `in_order`."""

    def __init__(self, *, in_order: bool, held: Callable[[int, int], None], clock: Callable[[], float]) -> None:
        self._in_order, self._held, self._clock = in_order, held, clock
        self._waiting: deque[tuple[float, int, int]] = deque()

    def left(self, reference_id: int, number: int) -> None:
        """The last piece of a reference, which came with the frame `number`, has left."""
        if self._in_order:
            self._waiting.append((self._clock() + _RESTORED_S, reference_id, number))

    def settle(self) -> None:
        """From time to time."""
        while self._waiting and self._waiting[0][0] <= self._clock():
            _, reference_id, number = self._waiting.popleft()
            self._held(reference_id, number)
