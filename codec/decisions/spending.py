"""Stage 4, spending: what a coded frame took of the budget, by its parts."""

from codec.bits.bitstream import CodedFrame
from codec.decisions.budget import Budget
from codec.state.bundle import information_bits

__all__ = ["spend"]


def spend(budget: Budget, coded: CodedFrame, *, wanted_bits: int) -> None:
    """Tells the budget; `wanted_bits` is what its motion would have taken, had there been room."""
    reference, motion_bits = coded.split()[0], information_bits(coded.motion) if coded.motion else 0
    budget.spend(
        motion_bits=motion_bits,
        wanted_bits=max(motion_bits, wanted_bits),
        reference_bits=8 * len(bytes(reference)) if reference else 0,
        keyframe=coded.is_keyframe,
        chained=bool(coded.motion and coded.motion.chained),
    )
