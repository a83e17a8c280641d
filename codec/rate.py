"""Stage 4, rate: what a decibel is worth, and when a new reference pays.

Everything is decided by one Lagrangian, J = -PSNR + λ bits, in decibels a frame; λ grows with qp as the steps do.

A new reference costs its bits once and then decays: the longer it is used, the worse it fits. The best moment to leave
it is given by the marginal value theorem (Charnov, 1976): when the cost of one more frame exceeds the average cost of
a frame over the whole life of the reference, its own bits included.
"""

from codec.quantizer import step_scale

_LAMBDA = 0.010  # dB a bit at qp 32
_SMOOTHING = 0.5  # of the marginal cost, so that a blink does not buy a picture
_MIN_LIFE = 5  # frames


def lagrangian(qp: int) -> float:
    """Decibels a bit."""
    return _LAMBDA * step_scale(qp)


def reference_crf(qp: int) -> int:
    """The AV1 quality index for references."""
    return min(63, max(20, round(50 + (qp - 32) * 0.5)))


class ReferencePolicy:
    """Decides, frame by frame, whether the reference in use has served its time."""

    def __init__(self) -> None:
        self._cost = 0.0  # of this reference's life so far, in dB x frames
        self._frames = 0
        self._marginal: float | None = None

    def begin(self, *, bits: int, qp: int) -> None:
        """A new reference of so many bits is in use."""
        self._cost = lagrangian(qp) * bits
        self._frames = 0
        self._marginal = None

    def frame(self, psnr_db: float, *, bits: int, qp: int) -> bool:
        """Counts one more frame on it; True when the next should not be."""
        cost = lagrangian(qp) * bits - psnr_db
        blend = cost if self._marginal is None else self._marginal + _SMOOTHING * (cost - self._marginal)
        self._marginal = blend
        self._cost += cost
        self._frames += 1
        return self._frames >= _MIN_LIFE and blend > self._cost / self._frames
