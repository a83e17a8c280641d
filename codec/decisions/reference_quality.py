"""Stage 4, rate: how much coarser than usual the next reference should be, from what the ones before it were worth.

A finer reference takes error away from every frame that it serves, but only the part that is the reference's own: of a
calm face that is most of it, of one that moves much it is little, since there the warp is what errs. With R bits spent
on a reference that served L frames, of whose error a share w was there when it was new, one step of the quality index
gains in proportion to w L and costs in proportion to R; they balance where λ R = w L 10 / ln 10. The index follows the
logarithm of how far from that the last references were, but never to the finer side: what is left of a calm face's
error is what restoration and warp leave, and more bits do not take it away (measured: docs/quality.md).
"""

import math

from codec.decisions.lagrangian import lagrangian

__all__ = ["COARSEST", "ReferenceQuality"]

COARSEST = 12  # steps of the quality index
_PACE = 3.0  # steps that an imbalance of two is answered by
_DECIBELS = 10 / math.log(10)


class ReferenceQuality:
    """Follows the references of a call."""

    def __init__(self) -> None:
        self._coarser = 0.0
        self._bits, self._new_db = 0, 0.0  # of the reference in use; its bits 0 where they say nothing
        self._decibels, self._frames = 0.0, 0.0  # of its life so far

    @property
    def coarser_by(self) -> int:
        """Steps of the quality index, 0 .. COARSEST, that the next reference should be coarser by."""
        return round(self._coarser)

    def begin(self, *, bits: int, psnr_db: float, qp: int, keyframe: bool) -> None:
        """A new reference of so many bits and that quality is in use; what the one before was worth is known now."""
        if self._frames and self._bits:
            share = min(1.0, 10 ** ((self._decibels / self._frames - self._new_db) / 10))
            imbalance = lagrangian(qp) * self._bits / (_DECIBELS * share * self._frames)
            self._coarser = min(COARSEST, max(0.0, self._coarser + _PACE * math.log2(imbalance)))
        # References after a keyframe lean on it: its bits are not its own frames' alone.
        self._bits, self._new_db = 0 if keyframe else bits, psnr_db
        self._decibels, self._frames = 0.0, 0.0

    def frame(self, psnr_db: float, *, shown_for: float) -> None:
        """One more frame on it, shown for so many usual frames."""
        self._decibels += psnr_db * shown_for
        self._frames += shown_for
