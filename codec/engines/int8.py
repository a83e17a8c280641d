"""Stages 3 and 9, int8: static quantisation of the convolutions of an exported graph.

Weights are quantised symmetrically per output channel, the activations that enter a convolution by one range for each
(Jacob et al., CVPR 2018). `codec.engines.calibrate` measures the ranges once, on real clips; they lie beside the
weight file, by the name of the weight that the activation meets. The graph keeps its float weights and gets
FakeQuantize nodes, which OpenVINO's low-precision passes turn into integer arithmetic.
"""

import numpy as np
import numpy.typing as npt

from codec.engines.openvino_import import ov
from codec.engines.saturation import weight_headroom
from codec.weights.files import Range

_ACTIVATION_LEVELS, _WEIGHT_LEVELS = 256, 255


def quantize(node: ov.Node, weight: npt.NDArray[np.float32], activation: Range) -> None:
    """Puts a convolution or matrix product between quantised inputs; `weight` is its second, output channels first."""
    ops = ov.opset13
    peak = np.maximum(np.abs(weight).reshape(len(weight), -1).max(1), 1e-8).reshape(-1, *[1] * (weight.ndim - 1))
    peak *= weight_headroom()
    low, high = aligned(activation)
    parts = (
        (0, np.float32(low), np.float32(high), _ACTIVATION_LEVELS),
        (1, -peak.astype(np.float32), peak.astype(np.float32), _WEIGHT_LEVELS),
    )
    for index, bottom, top, levels in parts:
        bounds = (ops.constant(bottom), ops.constant(top))
        fake = ops.fake_quantize(node.input_value(index), *bounds, *bounds, levels)
        node.input(index).replace_source_output(fake.output(0))


def aligned(activation: Range) -> Range:
    """The range moved until 0, which pads the picture's edges, lies on a level."""
    low, high = min(activation[0], 0.0), max(activation[1], 0.0)
    step = max(high - low, 1e-6) / (_ACTIVATION_LEVELS - 1)
    zero = round(-low / step)
    return -zero * step, (_ACTIVATION_LEVELS - 1 - zero) * step
