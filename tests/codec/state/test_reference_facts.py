"""What a reference says beside its picture: read as written, by what is known of the one before it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bits.bitstream import CodedReference
from codec.bits.entropy import Reader, Writer
from codec.bits.symbols import SymbolCoder
from codec.config import CodecConfig
from codec.errors import BitstreamError, ReferenceMissing
from codec.motion.face_box import FaceBox
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.state.reference_facts import FactsCoder, Place, walk_place
from codec.state.references import ReferenceFacts
from codec.units import Floats
from codec.weights.files import load

SYMBOLS = SymbolCoder.of(load(CodecConfig().weights).tables)
CODER = FactsCoder(SYMBOLS, np.zeros((KEYPOINTS, 3), np.float32))
BOX = FaceBox(60, 58, 22, 1)
GOLDEN = "fb1d139d4fa9"  # another duration, 26 frames later and 100 ticks beside, another qp
STILL: Floats = np.zeros(MOTION_NUMBERS, np.float32)
BEFORE = ReferenceFacts(
    id=0,
    number=250,
    pts=9_000_000,
    duration=3600,
    canonical=np.zeros((KEYPOINTS, 3), np.float32),
    qp=34,
    motion=STILL,
    box=BOX,
)
ON_TIME = Place(number=20, pts=9_000_000 + 26 * 3600, duration=3600, qp=34)

fields = st.tuples(*(st.integers(0, size - 1) for size in FaceBox.SIZES))
boxes = st.none() | fields.map(lambda values: FaceBox(*values))
places = st.builds(
    Place,
    number=st.integers(0, 255),
    pts=st.integers(0, 1 << 33) | st.integers(9_000_000, 9_900_000),
    duration=st.just(3600) | st.integers(0, 0xFFFF),
    qp=st.integers(0, 63),
)


def coded(place: Place, *, box: FaceBox | None, newest: ReferenceFacts | None) -> tuple[CodedReference, ReferenceFacts]:
    symbols, facts = CODER.encode(BEFORE.canonical, STILL, id=1, place=place, box=box, newest=newest)
    opened = None if newest else place.opening(size=256, weights_id=bytes(4))
    return CodedReference(id=1, opening=opened, symbols=symbols, picture=b""), facts


@settings(deadline=None, max_examples=150)
@given(places, boxes, st.none() | boxes)
def test_facts_are_read_as_written(place: Place, box: FaceBox | None, before: FaceBox | None) -> None:
    for newest in (None, replace(BEFORE, box=before)):
        reference, facts = coded(place, box=box, newest=newest)
        read = CODER.decode(reference, number=place.number, newest=newest)
        assert (read.id, read.number, read.duration, read.qp, read.box) == (
            1,
            place.number,
            place.duration,
            place.qp,
            box,
        )
        assert (read.pts - place.pts) % (1 << 33) == 0
        np.testing.assert_array_equal(read.motion, facts.motion)
        np.testing.assert_array_equal(read.canonical, facts.canonical)


def test_a_reference_that_comes_on_time_says_little() -> None:
    """A third of a byte for its place, and a byte and a half for a box that has moved by two pixels."""
    reference, _ = coded(ON_TIME, box=replace(BOX, x=61), newest=BEFORE)
    assert len(reference.symbols) <= 6
    late, _ = coded(replace(ON_TIME, pts=ON_TIME.pts + 700), box=replace(BOX, x=61), newest=BEFORE)
    assert len(late.symbols) in (len(reference.symbols) + 1, len(reference.symbols) + 2)
    jump, _ = coded(replace(ON_TIME, pts=5), box=replace(BOX, x=61), newest=BEFORE)
    assert len(jump.symbols) <= len(reference.symbols) + 6


def test_golden_place() -> None:
    writer = Writer(SYMBOLS.models)
    walk_place(writer, Place(20, 9_000_000 + 93_700, 3003, 40), before=BEFORE)
    assert writer.to_bytes().hex() == GOLDEN
    read = walk_place(Reader(bytes.fromhex(GOLDEN), SYMBOLS.models), Place(20, 0, 0, 0), before=BEFORE)
    assert read == Place(20, 9_000_000 + 93_700, 3003, 40)


def test_a_reference_without_the_one_before_it_is_named() -> None:
    reference, _ = coded(ON_TIME, box=BOX, newest=BEFORE)
    with pytest.raises(ReferenceMissing):
        CODER.decode(reference, number=20, newest=None)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=40))
def test_any_bytes_are_facts_or_refused_by_name(data: bytes) -> None:
    try:
        facts = CODER.decode(CodedReference(1, None, data, b""), number=7, newest=BEFORE)
    except BitstreamError:
        return
    assert 0 <= facts.duration < 1 << 16
    assert 0 <= facts.qp <= 63
    box = facts.box
    assert box is None or all(
        0 <= value < size for value, size in zip((box.x, box.y, box.side, box.turn), FaceBox.SIZES, strict=True)
    )
