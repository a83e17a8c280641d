"""Stage 4, pace: the quantiser that keeps motion to a rate, from what frames have taken. Pure."""

import math

from codec.units import MAX_QP

__all__ = ["Quantiser"]

_HALVING = 12.0  # qp that halve the bits of motion
_FOLLOW = 0.08  # of a frame
_LARGEST_STEP = 4.0  # at once


class Quantiser:
    """Bits of a frame's motion are taken to be 2^(level - qp / 12); the level follows what frames take.

    The qp is never finer than the user's, and no coarser than it has to be.
    """

    def __init__(self, finest: int) -> None:
        self._finest = finest
        self._level: float | None = None
        self._qp = float(finest)

    @property
    def qp(self) -> int:
        """The one to code with."""
        return round(self._qp)

    def see(self, bits: int, *, qp: int) -> None:
        """What a frame's motion took."""
        seen = math.log2(max(bits, 8)) + qp / _HALVING
        self._level = seen if self._level is None else self._level + _FOLLOW * (seen - self._level)

    def keep_to(self, bits: float | None) -> int:
        """The qp at which a frame takes so many bits; None: the finest."""
        wanted = float(self._finest)
        if bits is not None and self._level is not None:
            wanted = max(wanted, min(float(MAX_QP), _HALVING * (self._level - math.log2(max(bits, 1.0)))))
        self._qp += max(-_LARGEST_STEP, min(_LARGEST_STEP, wanted - self._qp))
        return self.qp
