"""Stages 3 and 9, int8: whether this processor adds products of eight bits without losing any.

Without dot products of eight bits (VNNI), x86 adds two products of an unsigned and a signed byte in 16 bits
(`vpmaddubsw`), which hold 32,767: 255 * 127 + 255 * 127 is cut off. What a network says then is not what its ranges
were measured for. Weights of half the range never get there; that costs them one bit.
"""

from functools import cache

import numpy as np

from codec.engines.openvino_import import core, ov

__all__ = ["summed", "weight_headroom"]

_CHANNELS, _SIDE = 32, 16
_CUT_OFF = 0.05  # of the sum: rounding is less than a hundredth


@cache
def weight_headroom() -> float:
    """By how much the range of int8 weights has to be larger than they are: 1, or 2 where sums would be cut off.

    Found by trying: a convolution whose products are all as large as they can be, in int8 and as it should be.
    """
    return 2.0 if abs(summed(headroom=1.0) - 1) > _CUT_OFF else 1.0


def summed(*, headroom: float) -> float:
    """What a 3x3 convolution in int8 makes of products that are all as large as can be, as a part of what it should.

    `headroom`: by how much the range of the weights is larger than they are.
    """
    ops = ov.opset13
    ones = ops.parameter((1, _CHANNELS, _SIDE, _SIDE), np.float32)
    activations = _quantized(ones, 0.0, 1.0, levels=256)
    kernel = ops.constant(np.ones((_CHANNELS, _CHANNELS, 3, 3), np.float32))
    weights = _quantized(kernel, -headroom, headroom, levels=255)
    sums = ops.convolution(activations, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    model = ov.Model([ops.result(sums)], [ones])
    compiled = core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False})
    (output,) = compiled([np.ones((1, _CHANNELS, _SIDE, _SIDE), np.float32)]).values()
    return float(output[0, 0, _SIDE // 2, _SIDE // 2]) / (9 * _CHANNELS)


def _quantized(node: "ov.Node", low: float, high: float, *, levels: int) -> "ov.Node":
    bounds = (ov.opset13.constant(np.float32(low)), ov.opset13.constant(np.float32(high)))
    return ov.opset13.fake_quantize(node, *bounds, *bounds, levels)
