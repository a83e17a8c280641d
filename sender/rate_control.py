"""Stage 4, rate: steers the quantiser slowly towards a payload budget."""

import math
from collections import deque

__all__ = ["QpController"]


class QpController:
    """Changes QP by a few steps a second, from what the last seconds cost against the budget.

    Six steps of QP are taken to halve the rate. The window is longer than the distance of reference pictures, so that
    the QP does not breathe with them.
    """

    def __init__(self, *, kbps: float, qp: int, window_s: float = 4.0, tolerance: float = 0.08) -> None:
        self._budget_kbps = kbps
        self._window_s = window_s
        self._tolerance = tolerance
        self._spent: deque[tuple[float, int]] = deque(maxlen=1024)  # seconds, bits
        self._first_s: float | None = None
        self._decided_s = -math.inf
        self.qp = qp

    def spend(self, bits: int, *, now_s: float) -> None:
        """Counts the payload of one frame."""
        self._first_s = now_s if self._first_s is None else self._first_s
        self._spent.append((now_s, bits))
        while self._spent and now_s - self._spent[0][0] > self._window_s:
            self._spent.popleft()

    def decide(self, *, now_s: float) -> int | None:
        """The new QP, at most once a second, or None if it may stay."""
        if self._first_s is None or now_s - self._first_s < 1.0 or now_s - self._decided_s < 1.0:
            return None
        self._decided_s = now_s
        seconds = min(self._window_s, now_s - self._first_s)
        kbps = sum(bits for _, bits in self._spent) / seconds / 1000
        error = math.log2(max(kbps, 0.01) / self._budget_kbps)
        if abs(error) <= math.log2(1 + self._tolerance):
            return None
        step = max(-2, min(3, round(2 * error) or (1 if error > 0 else -1)))
        qp = max(0, min(63, self.qp + step))
        if qp == self.qp:
            return None
        self.qp = qp
        return qp
