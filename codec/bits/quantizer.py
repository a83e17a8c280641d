"""Stage 4, quantise: value <-> symbol at a step; the only place that rounds.

A dead zone keeps a symbol at its prediction until the value has clearly left it: noise of the motion extractor then
costs nothing, and stillness is coded as zeros.
"""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Symbols = npt.NDArray[np.int32]

SYMBOL_LIMIT = 2000  # far beyond any motion; keeps sums of symbols in range whatever the input


def quantize(values: Values, *, step: Values, prediction: Symbols, dead_zone: float = 0.0) -> Symbols:
    """The symbols nearest to value / step; `dead_zone` in steps widens the zone around the prediction.

    values, step and prediction broadcast to one shape. The error is at most step x (0.5 + dead_zone).
    """
    offset = np.asarray(values, np.float64) / step - prediction
    magnitude = np.ceil(np.abs(offset) - 0.5 - dead_zone)
    change = np.where(magnitude >= 1, np.sign(offset) * np.maximum(1, np.floor(np.abs(offset) + 0.5)), 0)
    return np.clip(prediction + change, -SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int32)


def dequantize(symbols: Symbols, *, step: Values) -> Values:
    """symbol x step."""
    return np.asarray(symbols * step, np.float32)


def step_scale(qp: int) -> float:
    """How much larger a step is than at qp 32: it doubles every ten."""
    return float(2.0 ** ((qp - 32) / 10))
