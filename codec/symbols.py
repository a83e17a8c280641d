"""Stage 4, symbols: in which order, and with which tables, motion and residual pass through the entropy coder.

Each walk is written once against `entropy.Coder` and serves writer, reader and counter alike.

    motion      an activity class (12 values), then the MOTION_NUMBERS differences to the prediction
    residual    whether there is any; if so an activity class (12), the number of coded diagonals d (0 .. 31), then for
                each coefficient on the first d diagonals, low frequencies first, its x and its y difference to the
                prediction
    canonical   K x 3 offsets from the mean shape

The activity class is the frame's loudness: it shifts the scale index of every symbol, so that the same tables serve
stillness and shaking, every qp, and frames coded alone or in a chain. On top of it each symbol has its own offset (a
*profile*, part of the weights), and a coefficient looks at its coded neighbours (context modelling as in CABAC). The
classes, the presence of a residual and the number of diagonals, which depends on the class, have tables of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from codec.entropy import Category, Coder, Counter, Models, Tables
from codec.motion import KEYPOINTS, MOTION_NUMBERS
from codec.quantizer import Symbols
from codec.residual import COEFFICIENTS, ORDER

CLASSES = 12
CONTEXTS = 4

Profile = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CodingTables:
    """The numbers beside the networks that both ends must share; they ship in the weight file.

    motion_steps (MOTION_NUMBERS,), residual_step and canonical_step are quantiser steps at qp 32; the others are
    integers: frequency tables, profiles of scale indices and the scale shift of each neighbourhood context.
    """

    motion_steps: npt.NDArray[np.float32]
    residual_step: float
    canonical_step: float
    tables: Tables
    class_tables: Tables  # (2, CLASSES): of motion, of residual
    presence_table: Tables  # (1, 2)
    diagonal_tables: Tables  # (CLASSES, DIAGONALS + 1), by the residual's activity class
    motion_profile: Profile  # (MOTION_NUMBERS,)
    residual_profile: Profile  # (DIAGONALS,)
    context_shift: Profile  # (CONTEXTS,)
    canonical_scale: int


@dataclass(frozen=True, slots=True)
class SymbolCoder:
    """The walks over one set of tables."""

    tables: CodingTables
    models: Models
    motion_class: Category
    residual_class: Category
    presence: Category
    diagonals: tuple[Category, ...]

    @classmethod
    def of(cls, tables: CodingTables) -> "SymbolCoder":
        return cls(
            tables,
            Models(tables.tables),
            motion_class=Category(tables.class_tables[0]),
            residual_class=Category(tables.class_tables[1]),
            presence=Category(tables.presence_table[0]),
            diagonals=tuple(Category(row) for row in tables.diagonal_tables),
        )

    def motion(self, coder: Coder, difference: Symbols, *, activity: int) -> tuple[Symbols, int]:
        """Differences (MOTION_NUMBERS,) through the coder; a reader's come back."""
        activity = coder.category(activity, self.motion_class)
        profile = self.tables.motion_profile
        values = [coder.symbol(int(difference[i]), activity + int(profile[i])) for i in range(MOTION_NUMBERS)]
        return np.array(values, np.int32), activity

    def residual(self, coder: Coder, difference: Symbols, *, activity: int) -> tuple[Symbols, int]:
        """Differences (2, 16, 16) through the coder."""
        result = np.zeros(COEFFICIENTS, np.int32)
        if not coder.category(int(bool(difference.any())), self.presence):
            return result, activity
        activity = coder.category(activity, self.residual_class)
        diagonals = coder.category(coded_diagonals(difference), self.diagonals[activity])
        size = np.zeros((COEFFICIENTS[1] + 1, COEFFICIENTS[2] + 1), np.int32)  # |x| + |y|, a border of zeros first
        profile, shift = self.tables.residual_profile, self.tables.context_shift
        for u, v in ORDER:
            if u + v >= diagonals:
                break
            scale = activity + int(profile[u + v])
            near = int(size[u, v + 1] + size[u + 1, v])  # the neighbours one frequency lower
            scale_x = scale + int(shift[min(near, CONTEXTS - 1)])
            x = coder.symbol(int(difference[0, u, v]), scale_x)
            scale_y = scale + int(shift[min(near + 2 * min(abs(x), 1), CONTEXTS - 1)])
            y = coder.symbol(int(difference[1, u, v]), scale_y)
            result[0, u, v], result[1, u, v] = x, y
            size[u + 1, v + 1] = abs(x) + abs(y)
        return result, activity

    def canonical(self, coder: Coder, offsets: Symbols) -> Symbols:
        """Offsets from the mean shape (K, 3)."""
        flat = offsets.reshape(-1)
        values = [coder.symbol(int(flat[i]), self.tables.canonical_scale) for i in range(KEYPOINTS * 3)]
        return np.array(values, np.int32).reshape(KEYPOINTS, 3)

    def motion_activity(self, difference: Symbols) -> int:
        """The class that codes these differences with the fewest bits."""
        return self._best(lambda coder, activity: self.motion(coder, difference, activity=activity))

    def residual_activity(self, difference: Symbols) -> int:
        """The class that codes these differences with the fewest bits."""
        return self._best(lambda coder, activity: self.residual(coder, difference, activity=activity))

    def _best(self, walk: Callable[[Coder, int], object]) -> int:
        """Walks downhill from the middle; a second minimum is rare and cost 0.3 % of the bits at most."""

        @cache
        def bits(activity: int) -> float:
            counter = Counter(self.models)
            walk(counter, activity)
            return counter.bits

        activity = CLASSES // 2
        direction = 1 if bits(activity + 1) < bits(activity) else -1
        while 0 <= activity + direction < CLASSES and bits(activity + direction) < bits(activity):
            activity += direction
        return activity


def coded_diagonals(difference: Symbols) -> int:
    """How many diagonals hold everything that is not zero."""
    _, u, v = np.nonzero(difference)
    return int((u + v).max()) + 1 if len(u) else 0
