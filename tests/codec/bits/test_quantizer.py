"""Quantiser: nearest symbols, the dead zone around a prediction, range, steps by qp."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bits.quantizer import SYMBOL_LIMIT, dequantize, quantize, step_scale

finite = st.floats(-100, 100, width=32)


def one(value: float, *, step: float, prediction: int = 0, dead_zone: float = 0.0) -> int:
    symbols = quantize(
        np.array([value], np.float32),
        step=np.array([step], np.float32),
        prediction=np.array([prediction], np.int32),
        dead_zone=dead_zone,
    )
    assert symbols.dtype == np.int32
    return int(symbols[0])


@pytest.mark.parametrize(
    ("value", "symbol"), [(0.0, 0), (0.24, 0), (0.26, 1), (-0.26, -1), (0.74, 1), (0.76, 2), (-5.1, -10)]
)
def test_nearest(value: float, symbol: int) -> None:
    assert one(value, step=0.5) == symbol


@pytest.mark.parametrize(
    ("value", "symbol"),
    [(3.0, 3), (3.6, 3), (3.69, 3), (3.71, 4), (2.31, 3), (2.29, 2), (4.4, 4), (7.6, 8), (-2.4, -2)],
)
def test_a_symbol_stays_at_its_prediction_inside_the_dead_zone(value: float, symbol: int) -> None:
    assert one(value, step=1.0, prediction=3, dead_zone=0.2) == symbol


@settings(deadline=None)
@given(finite, st.floats(0.125, 4, width=32), st.integers(-30, 30), st.floats(0, 0.5))
def test_the_error_is_bounded(value: float, step: float, prediction: int, dead_zone: float) -> None:
    symbol = one(value, step=step, prediction=prediction, dead_zone=dead_zone)
    back = float(dequantize(np.array([symbol], np.int32), step=np.array([step], np.float32))[0])
    assert abs(back - value) <= step * (0.5 + dead_zone) * (1 + 1e-4) + 1e-4
    if symbol != prediction:
        assert abs(back - value) <= step * 0.5 * (1 + 1e-4) + 1e-4


@settings(deadline=None)
@given(st.integers(-SYMBOL_LIMIT, SYMBOL_LIMIT), st.integers(-SYMBOL_LIMIT, SYMBOL_LIMIT), st.integers(0, 63))
def test_symbols_are_fixed_points(symbol: int, prediction: int, qp: int) -> None:
    step = np.float32(0.03 * step_scale(qp)) * np.ones(1, np.float32)
    value = dequantize(np.array([symbol], np.int32), step=step)
    assert value.dtype == np.float32
    assert one(float(value[0]), step=float(step[0]), prediction=prediction, dead_zone=0.2) == symbol


@pytest.mark.parametrize("value", [1e9, 3e38, float("inf")])
def test_no_value_leaves_the_range(value: float) -> None:
    assert one(value, step=0.5) == SYMBOL_LIMIT
    assert one(-value, step=0.5) == -SYMBOL_LIMIT


def test_what_is_no_number_stays_at_its_prediction() -> None:
    assert one(float("nan"), step=0.5, prediction=7) == 7


def test_shapes_broadcast() -> None:
    symbols = quantize(
        np.ones((2, 4, 4), np.float32), step=np.ones((), np.float32) / 4, prediction=np.zeros((), np.int32)
    )
    assert symbols.shape == (2, 4, 4)
    assert (symbols == 4).all()


def test_ten_steps_of_qp_double_the_step() -> None:
    assert step_scale(32) == 1
    assert step_scale(42) == 2
    assert step_scale(12) == 0.25
    assert all(step_scale(qp) < step_scale(qp + 1) for qp in range(63))
