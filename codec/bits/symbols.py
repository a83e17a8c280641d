"""Stage 4, symbols: in which order, and with which tables, motion and residual pass through the entropy coder.

Each walk is written once against `entropy.Coder` and serves writer, reader and counter alike; `Costs` finds the same
bits for many choices at once, without walking.

    motion      an activity class (12 values), then the MOTION_NUMBERS differences to the prediction
    windows     what the face serves: the mouth is drawn (1), the eyes are (2), the base layer moves by it (4, without
                which neither is drawn); by what it served in the frame before. Where it serves anything, then whether
                still places are held (8), by whether they were in the frame before
    face        an activity class (12), then the FACE_NUMBERS differences to the prediction
    residual    whether there is any; if so an activity class (12), the number of coded diagonals d (0 .. 31), then for
                each coefficient on the first d diagonals, low frequencies first, its x and its y difference to the
                prediction
    canonical   K x 3 offsets from the mean shape

The activity class is the frame's loudness: it shifts the scale index of every symbol, so that the same tables serve
stillness and shaking, every qp, and frames coded alone or in a chain. On top of it each symbol has its own offset (a
*profile*, part of the weights), and a coefficient looks at its coded neighbours (context modelling as in CABAC). The
classes, the presence of a residual and the number of diagonals, which depends on the class, have tables of their own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codec.bits.entropy import SCALES, TABLE_SIZE, Category, Coder, Models, Tables, columns, escape_bits, information
from codec.bits.quantizer import Symbols
from codec.errors import BitstreamError
from codec.motion.expression import FACE_NUMBERS
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS, DIAGONALS, GRID, ORDER

CLASSES = 12
CONTEXTS = 4
WINDOW_SETS = 8  # see codec.state.chain.ALL_WINDOWS
_FACELESS = range(1, 4)
_SETS_MASK, _STILL = WINDOW_SETS - 1, 3  # bits of what the face serves, and the place of the bit beside them
_HELD = (0.15, 0.98)  # how likely still places are held, after they were not, and after they were
_LOWEST = 1 - CLASSES  # scale index short of the activity: below it, all activities are clamped alike

Profile = npt.NDArray[np.int64]
Bits = npt.NDArray[np.float64]

# Of each coefficient, in coding order: its place, its diagonal, and where in that order its neighbours one frequency
# lower are (GRID * GRID: nowhere).
_ROWS, _COLUMNS = np.array(ORDER).T
_FLAT, _DIAGONAL = _ROWS * GRID + _COLUMNS, _ROWS + _COLUMNS
_PLACE = {place: index for index, place in enumerate(ORDER)}
_ABOVE = np.array([_PLACE.get((u - 1, v), GRID * GRID) for u, v in ORDER])
_BEFORE = np.array([_PLACE.get((u, v - 1), GRID * GRID) for u, v in ORDER])
_COUNT = [int((diagonals > _DIAGONAL).sum()) for diagonals in range(DIAGONALS + 1)]  # coefficients on so many diagonals


@dataclass(frozen=True, slots=True)
class CodingTables:
    """The numbers beside the networks that both ends must share; they ship in the weight file.

    face_motion takes differences of face numbers to those of the motion. motion_steps (MOTION_NUMBERS,), face_steps
    (FACE_NUMBERS,), residual_step and canonical_step are quantiser steps at qp 32; the others are integers: frequency
    tables, profiles of scale indices and the scale shift of each neighbourhood context.
    """

    motion_steps: npt.NDArray[np.float32]
    face_motion: npt.NDArray[np.float32]  # (FACE_NUMBERS, MOTION_NUMBERS)
    face_steps: npt.NDArray[np.float32]
    residual_step: float
    canonical_step: float
    tables: Tables
    class_tables: Tables  # (3, CLASSES): of motion, of residual, of the face
    presence_table: Tables  # (1, 2)
    diagonal_tables: Tables  # (CLASSES, DIAGONALS + 1), by the residual's activity class
    windows_tables: Tables  # (WINDOW_SETS, WINDOW_SETS), by the set before
    motion_profile: Profile  # (MOTION_NUMBERS,)
    face_profile: Profile  # (FACE_NUMBERS,)
    residual_profile: Profile  # (DIAGONALS,)
    context_shift: Profile  # (CONTEXTS,)
    canonical_scale: int


class Costs:
    """The bits of the walks `motion` and `residual` in every activity class at once.

    A row of the symbols' table is one column of a frequency table at one scale index short of the activity, so far as
    activities reach; along the row lie the classes. The last row is of what is not coded.
    """

    def __init__(self, tables: CodingTables) -> None:
        scales = np.clip(np.arange(_LOWEST, SCALES)[:, None] + np.arange(CLASSES), 0, SCALES - 1)
        symbols = information(tables.tables)[scales].transpose(0, 2, 1).reshape(-1, CLASSES)
        self._symbols = np.concatenate((symbols, np.zeros((1, CLASSES))))
        self._motion_rows = _first_rows(tables.motion_profile)
        self._face_rows = _first_rows(tables.face_profile)
        self._residual_rows = _first_rows(tables.residual_profile[_DIAGONAL][:, None] + tables.context_shift)
        self._classes = information(tables.class_tables)
        self._presence = information(tables.presence_table[0])
        self._diagonals = information(tables.diagonal_tables).T

    def motion(self, difference: Symbols) -> Bits:
        """Differences (MOTION_NUMBERS,) -> bits (CLASSES,)."""
        symbols = self._symbols[self._motion_rows + columns(difference)].sum(0)
        return np.asarray(symbols + escape_bits(difference).sum() + self._classes[0])

    def face(self, difference: Symbols) -> Bits:
        """Differences (FACE_NUMBERS,) -> bits (CLASSES,)."""
        symbols = self._symbols[self._face_rows + columns(difference)].sum(0)
        return np.asarray(symbols + escape_bits(difference).sum() + self._classes[2])

    def residual(self, differences: Symbols) -> Bits:
        """N differences (N, 2, 16, 16) -> bits (N, CLASSES); what is only zeros takes the same in every class."""
        values = differences.reshape(len(differences), 2, -1)[:, :, _FLAT]  # in coding order
        present = values.any(1)
        diagonals = np.where(present, _DIAGONAL + 1, 0).max(1)
        count = _COUNT[diagonals.max()]
        values, size = values[:, :, :count], np.abs(values[:, :, :count])
        rows = self._residual_rows[np.arange(count), _contexts(size)] + columns(values)
        rows = np.where(_DIAGONAL[:count] < diagonals[:, None, None], rows, len(self._symbols) - 1)
        symbols = self._symbols[rows].sum((1, 2)) + escape_bits(values).sum((1, 2))[:, None]
        some = self._presence[1] + self._classes[1] + self._diagonals[diagonals] + symbols
        return np.asarray(np.where(diagonals[:, None] > 0, some, self._presence[0]))


def _contexts(size: Symbols) -> Symbols:
    """Magnitudes of coefficients (N, 2, n) in coding order -> the context of each, as `SymbolCoder.residual` walks."""
    both = np.zeros((len(size), GRID * GRID + 1), np.int32)  # |x| + |y|, and a zero for the border
    both[:, : size.shape[2]] = size.sum(1)
    near = both[:, _ABOVE[: size.shape[2]]] + both[:, _BEFORE[: size.shape[2]]]
    return np.asarray(np.minimum(np.stack((near, near + 2 * np.minimum(size[:, 0], 1)), 1), CONTEXTS - 1))


def _first_rows(scale: Profile) -> Profile:
    """Where in the symbols' table of `Costs` a scale index short of the activity begins."""
    return (np.clip(scale, _LOWEST, SCALES - 1) - _LOWEST) * TABLE_SIZE


@dataclass(frozen=True, slots=True)
class SymbolCoder:
    """The walks over one set of tables."""

    tables: CodingTables
    models: Models
    motion_class: Category
    residual_class: Category
    face_class: Category
    window_sets: tuple[Category, ...]
    held: tuple[Category, ...]
    presence: Category
    diagonals: tuple[Category, ...]
    costs: Costs

    @classmethod
    def of(cls, tables: CodingTables) -> "SymbolCoder":
        return cls(
            tables,
            Models(tables.tables),
            motion_class=Category(tables.class_tables[0]),
            residual_class=Category(tables.class_tables[1]),
            face_class=Category(tables.class_tables[2]),
            window_sets=tuple(Category(row) for row in tables.windows_tables),
            held=tuple(Category.flag(share) for share in _HELD),
            presence=Category(tables.presence_table[0]),
            diagonals=tuple(Category(row) for row in tables.diagonal_tables),
            costs=Costs(tables),
        )

    def motion(self, coder: Coder, difference: Symbols, *, activity: int) -> tuple[Symbols, int]:
        """Differences (MOTION_NUMBERS,) through the coder; a reader's come back."""
        activity = coder.category(activity, self.motion_class)
        profile, known = self.tables.motion_profile.tolist(), difference.tolist()
        values = [coder.symbol(known[i], activity + profile[i]) for i in range(MOTION_NUMBERS)]
        return np.array(values, np.int32), activity

    def windows(self, coder: Coder, drawn: int, *, before: int) -> int:
        """What the face serves, by what it served in the frame before. BitstreamError for windows without a face."""
        served = coder.category(drawn & _SETS_MASK, self.window_sets[before & _SETS_MASK])
        if served in _FACELESS:
            raise BitstreamError("windows are drawn without a face")
        return served | coder.category(drawn >> _STILL, self.held[before >> _STILL]) << _STILL if served else 0

    def face(self, coder: Coder, difference: Symbols, *, activity: int) -> tuple[Symbols, int]:
        """Differences (FACE_NUMBERS,) through the coder."""
        activity = coder.category(activity, self.face_class)
        profile, known = self.tables.face_profile.tolist(), difference.tolist()
        values = [coder.symbol(known[i], activity + profile[i]) for i in range(FACE_NUMBERS)]
        return np.array(values, np.int32), activity

    def residual(self, coder: Coder, difference: Symbols, *, activity: int) -> tuple[Symbols, int]:
        """Differences (2, 16, 16) through the coder."""
        result = np.zeros(COEFFICIENTS, np.int32)
        if not coder.category(int(bool(difference.any())), self.presence):
            return result, activity
        activity = coder.category(activity, self.residual_class)
        diagonals = coder.category(coded_diagonals(difference), self.diagonals[activity])
        size = [[0] * (GRID + 1) for _ in range(GRID + 1)]  # |x| + |y|, a border of zeros first
        profile, shift = self.tables.residual_profile.tolist(), self.tables.context_shift.tolist()
        count, known = _COUNT[diagonals], difference.tolist()
        values = []
        for u, v in ORDER[:count]:
            scale = activity + profile[u + v]
            near = size[u][v + 1] + size[u + 1][v]  # the neighbours one frequency lower
            x = coder.symbol(known[0][u][v], scale + shift[min(near, CONTEXTS - 1)])
            y = coder.symbol(known[1][u][v], scale + shift[min(near + 2 * min(abs(x), 1), CONTEXTS - 1)])
            values.append((x, y))
            size[u + 1][v + 1] = abs(x) + abs(y)
        result[:, _ROWS[:count], _COLUMNS[:count]] = np.array(values, np.int32).reshape(-1, 2).T
        return result, activity

    def canonical(self, coder: Coder, offsets: Symbols) -> Symbols:
        """Offsets from the mean shape (K, 3)."""
        flat = offsets.reshape(-1)
        values = [coder.symbol(int(flat[i]), self.tables.canonical_scale) for i in range(KEYPOINTS * 3)]
        return np.array(values, np.int32).reshape(KEYPOINTS, 3)

    def motion_activity(self, difference: Symbols) -> int:
        """The class that codes these differences with the fewest bits."""
        return int(np.argmin(self.costs.motion(difference)))

    def face_activity(self, difference: Symbols) -> int:
        """The class that codes these differences with the fewest bits."""
        return int(np.argmin(self.costs.face(difference)))

    def residual_activity(self, difference: Symbols) -> int:
        """The class that codes these differences with the fewest bits."""
        return int(np.argmin(self.costs.residual(difference[None])[0]))

    def residual_bits(self, differences: Symbols) -> list[float]:
        """What each of some differences (N, 2, 16, 16) takes, in the class it would be coded with."""
        return [float(bits) for bits in self.costs.residual(differences).min(1)]


def coded_diagonals(difference: Symbols) -> int:
    """How many diagonals hold everything that is not zero."""
    _, u, v = np.nonzero(difference)
    return int((u + v).max()) + 1 if len(u) else 0
