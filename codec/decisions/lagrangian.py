"""Stage 4, rate: what a decibel is worth in bits.

Everything is decided by one Lagrangian, J = -PSNR + λ bits, in decibels a frame; λ grows with qp as the steps do.
"""

from codec.bits.quantizer import step_scale

_LAMBDA = 0.013  # dB a bit at qp 32
DEAD_ZONE = 0.2  # steps beyond the half at which a number leaves its prediction


def lagrangian(qp: int) -> float:
    """Decibels a bit."""
    return _LAMBDA * step_scale(qp)
