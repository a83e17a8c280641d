"""Stages 4 and 8, reference pose: the keypoints and motion of a reference picture itself <-> bytes, at both ends."""

from dataclasses import astuple, dataclass

import numpy as np

from codec.bits.entropy import Coder, Reader, Writer
from codec.bits.quantizer import Symbols, dequantize, quantize
from codec.bits.symbols import SymbolCoder
from codec.motion.face_box import FaceBox
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.state.chain import bounded, canonical_step, motion_steps
from codec.state.references import ReferenceFacts
from codec.units import Floats

__all__ = ["PoseCoder", "walk_pose"]


def walk_pose(
    symbols: SymbolCoder,
    coder: Coder,
    *,
    offsets: Symbols | None,
    difference: Symbols,
    activity: int,
    box: FaceBox | None,
) -> tuple[Symbols | None, Symbols, FaceBox | None]:
    """The entropy-coded part of a reference half: canonical offsets unless None, the motion differences, the face."""
    if offsets is not None:
        offsets = symbols.canonical(coder, offsets)
    difference, _ = symbols.motion(coder, difference, activity=activity)
    return offsets, difference, _walk_box(coder, box)


def _walk_box(coder: Coder, box: FaceBox | None) -> FaceBox | None:
    """Whether there is a face, and the box to look for it in."""
    if not coder.uniform(int(box is not None), 2):
        return None
    known = astuple(box) if box is not None else (0,) * len(FaceBox.SIZES)
    return FaceBox(*(coder.uniform(value, size) for value, size in zip(known, FaceBox.SIZES, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class PoseCoder:
    """Codes and decodes a reference's own pose: alone, or against the `newest` reference before it.

    mean_shape (K, 3) is what canonical keypoints are offsets from; they are sent with intra references only.
    """

    symbols: SymbolCoder
    mean_shape: Floats

    def encode(
        self, canonical: Floats, motion: Floats, *, box: FaceBox | None, newest: ReferenceFacts | None, qp: int
    ) -> tuple[bytes, Floats, Floats]:
        """Canonical keypoints (K, 3), motion (MOTION_NUMBERS,), box -> bytes; the first two as the decoder has them."""
        tables, nothing = self.symbols.tables, np.zeros((), np.int32)
        offsets = None
        if newest is None:
            step = canonical_step(tables)
            offsets = quantize(canonical - self.mean_shape, step=step, prediction=nothing)
        start = np.zeros(MOTION_NUMBERS, np.float32) if newest is None else newest.motion
        difference = quantize(motion - start, step=motion_steps(tables, qp), prediction=nothing)
        writer = Writer(self.symbols.models)
        activity = self.symbols.motion_activity(difference)
        walk_pose(self.symbols, writer, offsets=offsets, difference=difference, activity=activity, box=box)
        return writer.to_bytes(), *self._restored(offsets, difference, newest=newest, qp=qp)

    def decode(self, data: bytes, *, newest: ReferenceFacts | None, qp: int) -> tuple[Floats, Floats, FaceBox | None]:
        """The inverse: canonical keypoints, motion, box. BitstreamError on damage that shows."""
        offsets, difference, box = walk_pose(
            self.symbols,
            Reader(data, self.symbols.models),
            offsets=np.zeros((KEYPOINTS, 3), np.int32) if newest is None else None,
            difference=np.zeros(MOTION_NUMBERS, np.int32),
            activity=0,
            box=None,
        )
        return *self._restored(offsets, difference, newest=newest, qp=qp), box

    def _restored(
        self, offsets: Symbols | None, difference: Symbols, *, newest: ReferenceFacts | None, qp: int
    ) -> tuple[Floats, Floats]:
        tables = self.symbols.tables
        moved = dequantize(difference, step=motion_steps(tables, qp))
        if newest is not None:
            return newest.canonical, bounded(newest.motion + moved)
        assert offsets is not None
        canonical = self.mean_shape + dequantize(offsets, step=canonical_step(tables))
        return canonical.astype(np.float32), bounded(moved)
