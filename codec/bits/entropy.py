"""Stage 4, entropy coding: integer frequency tables and the range coder; counting and coding share one path.

Symbols are coded with one of `SCALES` two-sided tables, from almost-always-zero to nearly flat; a *scale index* picks
the table. Tables are integers that ship with the weights, so that nothing in floating point decides how a symbol is
parsed: their sum is 2^16 and constriction (Bamler, 2022), the range coder underneath, takes k / 2^16 exactly. A symbol
beyond the table is an escape followed by its Elias gamma code.

The range coder writes whole 32-bit words, and the last of them is mostly free choice: of all bytes that decode to the
same symbols the shortest are written, and the reader puts zeros where they end.
"""

from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from codec.bits.quantizer import SYMBOL_LIMIT, Symbols
from codec.errors import BitstreamError

SCALES = 20
REACH = 15  # a table holds -REACH .. REACH and, last, the escape
TABLE_SIZE = 2 * REACH + 2
PRECISION = 16
_ESCAPE = TABLE_SIZE - 1
_MAX_GAMMA_BITS = 12  # SYMBOL_LIMIT fits
_WORD_BITS, _STATE_BITS = 32, 64  # of the range coder underneath

Tables = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Coder(Protocol):
    """What the syntax is written against: reading, writing and counting behave alike."""

    def symbol(self, value: int, scale: int) -> int:
        """Codes a signed integer with the table of a scale index; a reader ignores `value`. Returns the value."""

    def category(self, value: int, category: "Category") -> int:
        """Codes an integer in 0 .. size - 1 of a category with a table of its own."""

    def uniform(self, value: int, size: int) -> int:
        """Codes an integer in 0 .. size - 1 at log2(size) bits; size is at least 2."""


def default_tables() -> Tables:
    """Laplacian tables (SCALES, TABLE_SIZE), their scale growing by sqrt 2 from 0.08 steps; the escape is the tail."""
    values = np.arange(-REACH, REACH + 1)
    tables = np.zeros((SCALES, TABLE_SIZE), np.int64)
    for index in range(SCALES):
        spread = 0.08 * 2 ** (index / 2)
        edge = np.exp(-0.5 / spread)
        probability = np.where(values == 0, 1 - edge, 0.5 * edge * (1 - edge**2) * edge ** (2.0 * (abs(values) - 1)))
        tables[index] = normalize(np.append(probability, edge ** (2 * REACH + 1)))
    return tables


def normalize(weights: npt.NDArray[np.float64]) -> Tables:
    """Non-negative weights -> integers of at least 1 that sum to 2^PRECISION."""
    total = 1 << PRECISION
    frequencies = np.maximum(1, np.floor(weights / weights.sum() * (total - len(weights)))).astype(np.int64)
    frequencies[int(np.argmax(frequencies))] += total - frequencies.sum()
    return np.asarray(frequencies, np.int64)


def check_tables(tables: Tables, *, rows: int = SCALES, size: int = TABLE_SIZE) -> bool:
    """Whether these are tables the coder can use."""
    shaped = tables.shape == (rows, size) and np.issubdtype(tables.dtype, np.integer)
    # Each by itself first: a sum of large ones wraps.
    possible = shaped and (tables >= 1).all() and (tables <= 1 << PRECISION).all()
    return bool(possible and (tables.sum(1) == 1 << PRECISION).all())


def information(frequencies: Tables) -> Floats:
    """The bits that a symbol of each frequency takes."""
    return np.asarray(-np.log2(frequencies / float(1 << PRECISION)))


def columns(values: Symbols) -> Symbols:
    """Where in a table each value is."""
    return np.where(np.abs(values) <= REACH, values + REACH, _ESCAPE).astype(np.int32)


def escape_bits(values: Symbols) -> Symbols:
    """The bits that each value takes beyond those of the table."""
    beyond = np.maximum(np.abs(values) - REACH, 0)
    return np.asarray(2 * np.frexp(beyond)[1])  # the exponent is the integer's bit length


class Category:
    """The range coder's model of a small closed set, and the bits each of its values takes."""

    def __init__(self, frequencies: npt.NDArray[np.int64]) -> None:
        shares = frequencies / float(1 << PRECISION)  # exact: a power of two
        self.model = _range_coding().model.Categorical(shares, perfect=False)
        self.bits: list[float] = information(frequencies).tolist()

    @classmethod
    def flag(cls, share: float) -> "Category":
        """0 or 1, which is so likely."""
        ones = round(share * (1 << PRECISION))
        return cls(np.array([(1 << PRECISION) - ones, ones], np.int64))


@cache
def _flag_of(share: float) -> Category:
    return Category.flag(share)


class Models:
    """The range coder's models and the bit counts of one set of tables."""

    def __init__(self, tables: Tables) -> None:
        assert check_tables(tables), "tables are checked where they are loaded"
        categories = [Category(row) for row in tables]
        self.tables = [category.model for category in categories]
        self.bits = [category.bits for category in categories]


class Writer:
    """Range encoder over 32-bit words."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._encoder = _range_coding().queue.RangeEncoder()

    def symbol(self, value: int, scale: int) -> int:
        assert abs(value) <= 2 * SYMBOL_LIMIT
        scale = clamp_scale(scale)
        index = value + REACH if abs(value) <= REACH else _ESCAPE
        self._encoder.encode(index, self._models.tables[scale])
        if index == _ESCAPE:
            self.uniform(int(value < 0), 2)
            _gamma(self, abs(value) - REACH)
        return value

    def category(self, value: int, category: Category) -> int:
        self._encoder.encode(value, category.model)
        return value

    def uniform(self, value: int, size: int) -> int:
        self._encoder.encode(value, _uniform(size))
        return value

    def to_bytes(self) -> bytes:
        """The shortest bytes that read as what was written."""
        data = bytes(self._encoder.get_compressed().astype(">u4").tobytes())
        position, (low, width) = self._encoder.pos()
        # All that reads alike is one interval of binary fractions. As integers of the settled words' and the state's
        # bits: it is `width` long, contains what the coder would write, and starts at `low` modulo the state.
        bits = _WORD_BITS * position + _STATE_BITS
        value = int.from_bytes(data, "big")
        point = value << bits - 8 * len(data)
        start = point - (point - low) % (1 << _STATE_BITS)
        length = len(data)
        while length:
            shift = bits - 8 * (length - 1)
            # The numbers next below and above with one byte less: if neither is in the interval, nothing so short is.
            shorter = next((n for n in (value >> 8, (value >> 8) + 1) if start <= n << shift < start + width), None)
            if shorter is None:
                break
            value, length = shorter, length - 1
        return value.to_bytes(length, "big")


class Reader:
    """Range decoder; BitstreamError when the bytes cannot have been written with these tables."""

    def __init__(self, data: bytes, models: Models) -> None:
        self._models = models
        padded = data + b"\0" * (-len(data) % 4)
        words = np.frombuffer(padded, ">u4").astype(np.uint32)
        self._decoder = _range_coding().queue.RangeDecoder(words)

    def symbol(self, value: int, scale: int) -> int:
        index = self._read(self._models.tables[clamp_scale(scale)])
        if index != _ESCAPE:
            return index - REACH
        negative = self.uniform(0, 2)
        magnitude = REACH + _gamma(self, 0)
        return -magnitude if negative else magnitude

    def category(self, value: int, category: Category) -> int:
        return self._read(category.model)

    def uniform(self, value: int, size: int) -> int:
        return self._read(_uniform(size))

    def _read(self, model: object) -> int:
        try:
            return int(self._decoder.decode(model))
        except AssertionError as error:  # constriction's word for bytes that no encoder wrote
            raise BitstreamError(f"entropy-coded data is damaged: {error}") from error


class Counter:
    """Adds up the bits that a Writer would spend; `symbols.Costs` must find the same for a whole walk at once."""

    def __init__(self, models: Models) -> None:
        self._bits = models.bits
        self.bits = 0.0

    def symbol(self, value: int, scale: int) -> int:
        if abs(value) <= REACH:
            self.bits += self._bits[clamp_scale(scale)][value + REACH]
        else:
            self.bits += self._bits[clamp_scale(scale)][_ESCAPE] + 2 * (abs(value) - REACH).bit_length()
        return value

    def category(self, value: int, category: Category) -> int:
        self.bits += category.bits[value]
        return value

    def uniform(self, value: int, size: int) -> int:
        self.bits += float(np.log2(size))
        return value


@cache
def _uniform(size: int) -> Any:
    return _range_coding().model.Uniform(size)


@cache
def _range_coding() -> Any:
    """constriction's models and queues, imported by whoever codes: tables are read and trained without."""
    import constriction

    return constriction.stream


def flag(coder: Coder, value: bool, share: float) -> bool:
    """Codes whether something holds, which is so likely."""
    return bool(coder.category(int(value), _flag_of(share)))


def whole_bytes(coder: Coder, value: int, count: int) -> int:
    """Codes an integer of so many bytes, the highest first, each uniform in 256."""
    result = 0
    for shift in range(8 * (count - 1), -1, -8):
        result = result << 8 | coder.uniform(value >> shift & 0xFF, 256)
    return result


def clamp_scale(scale: int) -> int:
    """The nearest table index there is."""
    return min(max(scale, 0), SCALES - 1)


def _gamma(coder: Writer | Reader, value: int) -> int:
    """Elias gamma (1975) of a positive integer, bit by bit; the same walk for writing and reading."""
    length = coder.uniform(value.bit_length() - 1 if value else 0, _MAX_GAMMA_BITS)
    result = 1
    for position in range(length - 1, -1, -1):
        result = result << 1 | coder.uniform(value >> position & 1, 2)
    return result
