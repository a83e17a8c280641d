"""Stages 4 and 8, reference facts: what the bytes of a reference say beside its picture, at both ends.

Intra, its canonical keypoints come first, as offsets from the mean shape; its place in time and its qp stand before
this, in plain bytes. Else these follow from the reference before it, and what does not is told first:

    duration    a flag, .02: it is another; then two bytes, uniform in 256
    on time     a flag, .5: pts is that of the reference before, and `duration` for each frame since. Else a flag, .95:
                two bytes, what it is off that, plus 2^15; else five bytes, what it is off that of the reference before,
                modulo 2^33
    qp          a flag, .1: it is another; then uniform in 64

Then, in both: an activity class and the differences of the motion to that of the reference before, or to nothing; and
the face: a flag, .5 where there is no reference before or it shows none, .98 where it shows one. Its box is told field
by field, uniform in the field's size, or, after a reference with one, as differences with the tables of _BOX_SCALES.
"""

from dataclasses import astuple, dataclass

import numpy as np

from codec.bits.bitstream import NUMBERS, PTS_MODULUS, CodedReference, Opening
from codec.bits.entropy import Coder, Reader, Writer, flag, whole_bytes
from codec.bits.quantizer import Symbols, dequantize, quantize
from codec.bits.symbols import SymbolCoder
from codec.errors import BitstreamError, ReferenceMissing
from codec.motion.face_box import FaceBox
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.state.chain import bounded, canonical_step, motion_steps
from codec.state.references import ReferenceFacts
from codec.units import MAX_QP, Floats

__all__ = ["FactsCoder", "Place", "walk_pose"]

_NEAR = 1 << 15
_BOX_SCALES = (10, 9, 6, 4)  # x, y, side, turn
_OTHER_DURATION, _ON_TIME, _NEARLY, _OTHER_QP = 0.02, 0.5, 0.95, 0.1
_FACE_ANEW, _FACE_STILL = 0.5, 0.98


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reference stands in its stream: its frame's number and pts, the nominal duration, and its qp."""

    number: int
    pts: int
    duration: int
    qp: int

    def opening(self, *, size: int, weights_id: bytes) -> Opening:
        """What an intra reference here says of its stream."""
        return Opening(size=size, weights_id=weights_id, pts=self.pts, duration=self.duration, qp=self.qp)


def walk_place(coder: Coder, place: Place, *, before: ReferenceFacts) -> Place:
    """All but the number of a reference's place through the coder; a reader's comes back."""
    duration, qp = before.duration, before.qp
    if flag(coder, place.duration != duration, _OTHER_DURATION):
        duration = whole_bytes(coder, place.duration, 2)
    expected = before.pts + (place.number - before.number) % NUMBERS * duration
    pts = expected
    if not flag(coder, place.pts == expected, _ON_TIME):
        off = place.pts - expected
        if flag(coder, -_NEAR <= off < _NEAR, _NEARLY):
            pts = expected + whole_bytes(coder, off + _NEAR, 2) - _NEAR
        else:
            pts = before.pts + whole_bytes(coder, (place.pts - before.pts) % PTS_MODULUS, 5) % PTS_MODULUS
    if flag(coder, place.qp != qp, _OTHER_QP):
        qp = coder.uniform(place.qp, MAX_QP + 1)
    return Place(place.number, pts, duration, qp)


def walk_pose(
    symbols: SymbolCoder,
    coder: Coder,
    *,
    offsets: Symbols | None,
    difference: Symbols,
    activity: int,
    box: FaceBox | None,
    box_before: FaceBox | None = None,
) -> tuple[Symbols | None, Symbols, FaceBox | None]:
    """Canonical offsets unless None, the motion differences and the face through the coder.

    BitstreamError for a box that is none.
    """
    if offsets is not None:
        offsets = symbols.canonical(coder, offsets)
    difference, _ = symbols.motion(coder, difference, activity=activity)
    return offsets, difference, _walk_box(coder, box, box_before)


def _walk_box(coder: Coder, box: FaceBox | None, before: FaceBox | None) -> FaceBox | None:
    if not flag(coder, box is not None, _FACE_ANEW if before is None else _FACE_STILL):
        return None
    known = astuple(box) if box is not None else (0,) * len(FaceBox.SIZES)
    if before is None:
        return FaceBox(*(coder.uniform(value, size) for value, size in zip(known, FaceBox.SIZES, strict=True)))
    fields = []
    for value, last, size, scale in zip(known, astuple(before), FaceBox.SIZES, _BOX_SCALES, strict=True):
        fields.append(last + coder.symbol(value - last, scale))
        if not 0 <= fields[-1] < size:
            raise BitstreamError("a face box beyond what there is")
    return FaceBox(*fields)


@dataclass(frozen=True, slots=True, eq=False)
class FactsCoder:
    """Codes and decodes a reference's facts: alone, or against the `newest` reference before it.

    mean_shape (K, 3) is what canonical keypoints are offsets from; they are sent with intra references only.
    """

    symbols: SymbolCoder
    mean_shape: Floats

    def encode(
        self,
        canonical: Floats,
        motion: Floats,
        *,
        id: int,
        place: Place,
        box: FaceBox | None,
        newest: ReferenceFacts | None,
    ) -> tuple[bytes, ReferenceFacts]:
        """Canonical keypoints (K, 3), motion (MOTION_NUMBERS,) and box -> bytes; all of it as the decoder has it."""
        tables, nothing = self.symbols.tables, np.zeros((), np.int32)
        writer, offsets = Writer(self.symbols.models), None
        if newest is None:
            offsets = quantize(canonical - self.mean_shape, step=canonical_step(tables), prediction=nothing)
        else:
            walk_place(writer, place, before=newest)
        start = np.zeros(MOTION_NUMBERS, np.float32) if newest is None else newest.motion
        difference = quantize(motion - start, step=motion_steps(tables, place.qp), prediction=nothing)
        walk_pose(
            self.symbols,
            writer,
            offsets=offsets,
            difference=difference,
            activity=self.symbols.motion_activity(difference),
            box=box,
            box_before=newest.box if newest else None,
        )
        return writer.to_bytes(), self._facts(id, place, offsets, difference, box, newest)

    def decode(self, reference: CodedReference, *, number: int, newest: ReferenceFacts | None) -> ReferenceFacts:
        """The inverse. BitstreamError on damage that shows, ReferenceMissing where the one before is not held."""
        reader, opening = Reader(reference.symbols, self.symbols.models), reference.opening
        before = None if opening else newest
        if opening is not None:
            place = Place(number, opening.pts, opening.duration, opening.qp)
        elif before is not None:
            place = walk_place(reader, Place(number, 0, 0, 0), before=before)
        else:
            raise ReferenceMissing(f"reference {reference.id} builds on one that is not held")
        offsets, difference, box = walk_pose(
            self.symbols,
            reader,
            offsets=np.zeros((KEYPOINTS, 3), np.int32) if before is None else None,
            difference=np.zeros(MOTION_NUMBERS, np.int32),
            activity=0,
            box=None,
            box_before=before.box if before else None,
        )
        return self._facts(reference.id, place, offsets, difference, box, before)

    def _facts(
        self,
        id: int,
        place: Place,
        offsets: Symbols | None,
        difference: Symbols,
        box: FaceBox | None,
        newest: ReferenceFacts | None,
    ) -> ReferenceFacts:
        tables = self.symbols.tables
        moved = dequantize(difference, step=motion_steps(tables, place.qp))
        if newest is not None:
            canonical, motion = newest.canonical, newest.motion + moved
        else:
            assert offsets is not None
            canonical, motion = self.mean_shape + dequantize(offsets, step=canonical_step(tables)), moved
        return ReferenceFacts(
            id=id,
            number=place.number,
            pts=place.pts,
            duration=place.duration,
            canonical=canonical.astype(np.float32),
            qp=place.qp,
            motion=bounded(motion),
            box=box,
        )
