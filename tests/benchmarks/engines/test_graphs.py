"""Stages 3 and 9, graph by graph: whose turn it is, and how errors are counted."""

import numpy as np
import pytest

from benchmarks.engines.graphs import error_of, rotated
from codec.units import Array


def test_everyone_begins_once() -> None:
    assert [rotated("abc", turn) for turn in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]


def test_errors_are_counted_over_all_outputs() -> None:
    def exact(array: Array) -> tuple[Array, ...]:
        return array, np.array([200], np.uint8)

    def other(array: Array) -> tuple[Array, ...]:
        return array + 1, np.array([203], np.uint8)

    ones = np.ones(3, np.float32)
    assert error_of(other, exact, [(ones,)]) == pytest.approx((3.0, 6 / 4, 6 / 203))
