"""Stage 5, receipts: which references have left and are not confirmed, and whether one has been lost. Pure.

The encoder makes no new reference while one is not confirmed. So one that the receiver could not use, and does not
speak of, would be the last of the call: motion and pictures would go on, and get worse. Once it is overdue, a keyframe
is to be made in its place. Each next one is waited for twice as long, until a receipt comes again.
"""

__all__ = ["Receipts"]

_OVERDUE_S = 6.0  # from the last piece on: a queue of 4 s, restoring, and the way back
_LONGEST_S = 48.0


class Receipts:
    """Ids of references with the numbers of the frames that they came with. Times in seconds."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._left_s: dict[int, float] = {}
        self._patience_s = _OVERDUE_S

    def expect(self, reference_id: int, number: int) -> None:
        """This reference is to be sent; an older one of this id is meant no more."""
        self._numbers[reference_id] = number
        self._left_s.pop(reference_id, None)

    def left(self, reference_id: int, number: int, *, now_s: float) -> None:
        """The last piece of it has been handed over."""
        if self._numbers.get(reference_id) == number:
            self._left_s[reference_id] = now_s

    def confirm(self, reference_id: int, number: int) -> bool:
        """True if the receiver's word is about the reference that has this id now, and not about an earlier one."""
        if self._numbers.get(reference_id) != number:
            return False
        del self._numbers[reference_id]
        self._left_s.pop(reference_id, None)
        self._patience_s = _OVERDUE_S
        return True

    def is_overdue(self, *, now_s: float) -> bool:
        """Whether one left so long ago that it must be taken for lost; all are forgotten then."""
        if all(now_s - left_s < self._patience_s for left_s in self._left_s.values()):
            return False
        self.forget()
        self._patience_s = min(2 * self._patience_s, _LONGEST_S)
        return True

    def forget(self) -> None:
        """None of them matters any more."""
        self._numbers.clear()
        self._left_s.clear()
