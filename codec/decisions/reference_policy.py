"""Stage 4, rate: what a decibel is worth, and when a new reference pays.

Everything is decided by one Lagrangian, J = -PSNR + λ bits, in decibels a frame; λ grows with qp as the steps do.

A new reference costs its bits once and then decays: the longer it is used, the worse it fits. The best moment to leave
it is given by the marginal value theorem (Charnov, 1976): when one more frame on it costs more than a frame costs on
average in this call, the references' own bits included. That average is learnt from the references already left and
the life of the present one, and starts from what talking heads usually give. A keyframe had to be sent whatever it
took: next to nothing of that counts, else a call that moves from its first second on would take its one dear picture
for the price of pictures, and look at it for seconds.
"""

import math

from codec.decisions.lagrangian import lagrangian
from codec.decisions.reference_quality import ReferenceQuality

_SMOOTHING = 0.5  # of the marginal cost, so that a blink does not buy a picture
_MIN_LIFE = 5  # frames
_USUAL_LOSS_DB = 7.0  # of the average frame against its reference, before the call has shown its own
_KEYFRAME_SHARE = 0.1  # of a keyframe's bits that count
_MEMORY = 12  # frames' worth of the call's average against the present reference's


class ReferencePolicy:
    """Decides, frame by frame, whether the reference in use has served its time."""

    def __init__(self) -> None:
        self._average: float | None = None  # cost of a frame over the references left behind, in dB
        self._cost = 0.0  # of this reference's life so far, in dB x frames
        self._frames = 0.0
        self._marginal: float | None = None
        self._quality = ReferenceQuality()
        self.excess_db = -math.inf  # of the last frames' cost over the usual, once it has lived long enough to leave

    @property
    def coarser_by(self) -> int:
        """Steps of the quality index that the next reference should be coarser by."""
        return self._quality.coarser_by

    def begin(self, *, bits: int, psnr_db: float, qp: int, keyframe: bool = False) -> None:
        """A new reference of so many bits and that quality is in use."""
        self._quality.begin(bits=bits, psnr_db=psnr_db, qp=qp, keyframe=keyframe)
        if self._average is None:
            self._average = _USUAL_LOSS_DB - psnr_db
        elif self._frames:
            self._average += 0.5 * (self._cost / self._frames - self._average)
        self._cost = lagrangian(qp) * bits * (_KEYFRAME_SHARE if keyframe else 1)
        self._frames = 0.0
        self._marginal = None

    def frame(self, psnr_db: float, *, bits: int, qp: int, shown_for: float = 1.0) -> bool:
        """Counts one more frame on it; True when the next should not be.

        `shown_for` is its duration in usual frames: where a slow machine codes few frames, each is looked at longer.
        """
        assert self._average is not None, "begin comes first"
        self._quality.frame(psnr_db, shown_for=shown_for)
        cost = lagrangian(qp) * bits / shown_for - psnr_db
        blend = cost if self._marginal is None else self._marginal + _SMOOTHING * (cost - self._marginal)
        self._marginal = blend
        self._cost += cost * shown_for
        self._frames += shown_for
        usual = (self._cost + _MEMORY * self._average) / (self._frames + _MEMORY)
        self.excess_db = blend - usual if self._frames >= _MIN_LIFE else -math.inf
        return self.excess_db > 0
