"""Entropy coding: valid tables; writer, reader and counter agree; any bytes decode or are refused by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bits.entropy import (
    PRECISION,
    REACH,
    SCALES,
    TABLE_SIZE,
    Coder,
    Counter,
    Models,
    Reader,
    Writer,
    check_tables,
    clamp_scale,
    default_tables,
    normalize,
)
from codec.bits.quantizer import SYMBOL_LIMIT
from codec.errors import BitstreamError

MODELS = Models(default_tables())
SLACK_BITS = 12  # the last byte, and the coder's rounding

small = st.integers(-REACH - 2, REACH + 2)
values = small | st.integers(-2 * SYMBOL_LIMIT, 2 * SYMBOL_LIMIT)
scales = st.integers(-5, SCALES + 5)
# (value, scale) of a symbol, or (value, -size) of a uniform one
GOLDEN = (
    "ff6412bffc9d9851ae8b60486195bb89bae812e68b280bea2bb8d49c7e1223bb0c024e584b6cd7eaff5a221d43e596935a10f7e7b1d0e27a"
    "9ec04421292c06e1f8cb0973656bf6189b"
)

uniforms = st.integers(2, 40).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size)))
words = st.lists(
    st.tuples(st.just("symbol"), st.tuples(values, scales)) | st.tuples(st.just("uniform"), uniforms), max_size=60
)

Word = tuple[str, tuple[int, int]]


def walk(coder: Coder, said: list[Word], *, blank: bool = False) -> list[int]:
    """What the coder returns; `blank` hides the values, as a reader does not know them."""
    result = []
    for kind, (value, parameter) in said:
        known = 0 if blank else value
        result.append(coder.symbol(known, parameter) if kind == "symbol" else coder.uniform(known, parameter))
    return result


def write(said: list[Word]) -> bytes:
    writer = Writer(MODELS)
    expected = [value for _, (value, _) in said]
    assert walk(writer, said) == expected
    data = writer.to_bytes()
    assert walk(Reader(data, MODELS), said, blank=True) == expected
    return data


def test_default_tables_are_valid() -> None:
    tables = default_tables()
    assert check_tables(tables)
    assert tables.shape == (SCALES, TABLE_SIZE)
    assert (tables.sum(1) == 1 << PRECISION).all()
    assert (tables >= 1).all()
    assert (tables[:, :REACH] == tables[:, 2 * REACH : REACH : -1]).all(), "signs carry no information"
    zeros = tables[:, REACH].tolist()
    assert zeros == sorted(zeros, reverse=True), "a larger scale index is a wider table"


@pytest.mark.parametrize("change", ["zero", "sum", "shape", "float"])
def test_other_tables_are_refused(change: str) -> None:
    tables = default_tables()
    if change == "zero":
        tables[3, 4] = 0
    elif change == "sum":
        tables[0, 0] += 1
    elif change == "shape":
        tables = tables[:-1]
    else:
        assert not check_tables(tables.astype(np.float64))
        return
    assert not check_tables(tables)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e9), min_size=TABLE_SIZE, max_size=TABLE_SIZE).filter(lambda row: sum(row) > 1e-6))
def test_normalize_gives_every_symbol_a_share(row: list[float]) -> None:
    frequencies = normalize(np.array(row))
    assert frequencies.sum() == 1 << PRECISION
    assert (frequencies >= 1).all()


@settings(deadline=None)
@given(words)
def test_what_is_written_is_read_and_counted(said: list[Word]) -> None:
    data = write(said)
    assert walk(Reader(data, MODELS), said, blank=True) == [value for _, (value, _) in said]
    counter = Counter(MODELS)
    walk(counter, said)
    escapes = sum(abs(value) > REACH for kind, (value, _) in said if kind == "symbol")
    # The counter takes the length of an Elias gamma code as unary; the coder's is uniform at 3.6 bits.
    assert 8 * len(data) <= counter.bits + SLACK_BITS + 4 * escapes


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(-REACH, REACH), st.integers(0, SCALES - 1)), min_size=50, max_size=400))
def test_counted_bits_are_those_of_the_bytes(pairs: list[tuple[int, int]]) -> None:
    said: list[Word] = [("symbol", pair) for pair in pairs]
    counter = Counter(MODELS)
    walk(counter, said)
    assert abs(8 * len(write(said)) - counter.bits) <= SLACK_BITS


@pytest.mark.parametrize("value", [REACH, REACH + 1, 100, SYMBOL_LIMIT, 2 * SYMBOL_LIMIT])
@pytest.mark.parametrize("scale", [0, 7, SCALES - 1])
def test_escapes(value: int, scale: int) -> None:
    said: list[Word] = [("symbol", (value, scale)), ("symbol", (-value, scale)), ("symbol", (1, scale))]
    assert walk(Reader(write(said), MODELS), said, blank=True) == [value, -value, 1]


def test_bytes_that_change_nothing_are_cut_off() -> None:
    said: list[Word] = [("uniform", (1, 2)), ("symbol", (0, 0))]
    data = write(said)
    assert len(data) == 1, "a bit and next to nothing"
    assert walk(Reader(data + b"\0\0\0", MODELS), said, blank=True) == [1, 0], "the cut bytes count as zeros"
    assert len(write([("symbol", (0, 0))] * 20)) == 1
    assert write([("uniform", (0, 2))] * 200) == b"", "zeros at the end are not written"


@settings(deadline=None)
@given(st.sampled_from((3, 5, 9)), st.integers(0, 60), words)
def test_a_point_between_two_words_is_found(size: int, times: int, said: list[Word]) -> None:
    """The middle of an odd number of values, again and again: until the end it is open which word comes out."""
    said = [("uniform", (size // 2, size))] * times + said
    counter = Counter(MODELS)
    walk(counter, said)
    escapes = sum(abs(value) > REACH for kind, (value, _) in said if kind == "symbol")
    assert 8 * len(write(said)) <= counter.bits + SLACK_BITS + 4 * escapes


@settings(deadline=None)
@given(words)
def test_no_shorter_bytes_would_do(said: list[Word]) -> None:
    data, expected = write(said), [value for _, (value, _) in said]
    if data:
        head = int.from_bytes(data[:-1], "big")
        for number in range(max(0, head - 1), min(head + 3, 1 << 8 * (len(data) - 1))):
            shorter = number.to_bytes(len(data) - 1, "big")
            try:
                assert walk(Reader(shorter, MODELS), said, blank=True) != expected
            except BitstreamError:
                continue


def test_golden_bytes() -> None:
    """The coder underneath may not change its mind: streams are stored."""
    said: list[Word] = [("symbol", (value, scale)) for scale in range(SCALES) for value in (0, 1, -2, 17)]
    said.append(("uniform", (5, 12)))
    assert write(said).hex() == GOLDEN
    assert walk(Reader(bytes.fromhex(GOLDEN), MODELS), said, blank=True) == [value for _, (value, _) in said]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=40), words)
def test_any_bytes_are_read_or_refused_by_name(data: bytes, said: list[Word]) -> None:
    try:
        read = walk(Reader(data, MODELS), said, blank=True)
    except BitstreamError:
        return
    for value, (kind, (_, parameter)) in zip(read, said, strict=True):
        limit = 2 * SYMBOL_LIMIT + 200 if kind == "symbol" else parameter - 1
        assert abs(value) <= limit


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"\xff" * 64])
def test_a_reader_beyond_the_end_stays_in_range(data: bytes) -> None:
    reader = Reader(data, MODELS)
    try:
        assert all(abs(reader.symbol(0, scale % SCALES)) <= 2 * SYMBOL_LIMIT + 200 for scale in range(600))
    except BitstreamError:
        assert data, "zeros are always a stream"


def test_scales_are_clamped() -> None:
    assert [clamp_scale(scale) for scale in (-9, 0, 5, SCALES - 1, SCALES, 99)] == [0, 0, 5, *[SCALES - 1] * 3]
