"""Stage 4, report: what became of each picture, its bits by part, and its quality where that is measured."""

from collections.abc import Callable
from dataclasses import dataclass

from codec.bits.bitstream import CodedFrame
from codec.state.bundle import information_bits, symbols_bits

__all__ = ["NOTHING_YET", "FrameReport", "FrameReporter"]


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What became of one picture. Bits are payload bits, by part: of motion what it takes in its bundle, about.

    Before the first picture it is all zeros, and its number -1.
    psnr_db (RGB, against the picture at the codec's size) is of the newest measured frame: see measure_every.
    """

    pts: int
    number: int
    is_keyframe: bool
    reference_id: int
    psnr_db: float
    payload_bits: int
    reference_bits: int
    base_bits: int
    residual_bits: int
    header_bits: int
    qp: int


NOTHING_YET = FrameReport(
    pts=0,
    number=-1,
    is_keyframe=False,
    reference_id=0,
    psnr_db=0.0,
    payload_bits=0,
    reference_bits=0,
    base_bits=0,
    residual_bits=0,
    header_bits=0,
    qp=0,
)


class FrameReporter:
    """Makes the reports of one encoder; keyframes are always measured, of the others each `measure_every`-th."""

    def __init__(self, *, measure_every: int) -> None:
        self._every = measure_every
        self._psnr_db = 0.0

    def report(
        self,
        coded: CodedFrame,
        *,
        pts: int,
        number: int,
        reference_id: int,
        qp: int,
        base_bits: int,
        measure: Callable[[], float],
    ) -> FrameReport:
        """`reference_id` is that of the picture shown, `measure` what its PSNR takes to find."""
        if coded.is_keyframe or (self._every and number % self._every == 0):
            self._psnr_db = measure()
        reference, _ = coded.split()
        motion_bits = information_bits(coded.motion) if coded.motion else 0
        payload_bits = motion_bits + (8 * len(bytes(reference)) if reference else 0)
        reference_bits = 8 * (len(coded.reference.picture) + len(coded.reference.symbols)) if coded.reference else 0
        symbol_bits = symbols_bits(coded.motion) if coded.motion else 0
        base_bits = min(base_bits, symbol_bits)
        return FrameReport(
            pts=pts,
            number=number,
            is_keyframe=coded.is_keyframe,
            reference_id=reference_id,
            psnr_db=self._psnr_db,
            payload_bits=payload_bits,
            reference_bits=reference_bits,
            base_bits=base_bits,
            residual_bits=symbol_bits - base_bits,
            header_bits=payload_bits - reference_bits - symbol_bits,
            qp=qp,
        )
