"""Stages 3 and 9, the default engine: exported graphs on OpenVINO's CPU plugin."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from codec.config import Precision
from codec.engines.engine import Graph, Immediate
from codec.engines.int8 import quantize
from codec.engines.openvino_import import core, ov
from codec.errors import ConfigError, WeightsError
from codec.graphs.files import BESIDE, QUANTIZED, REDUCED, path_of
from codec.units import Array
from codec.weights.files import Weights


class OpenVinoEngine:
    """Compiles a graph once a process for each weights, precision and thread count."""

    def __init__(self, weights: Weights, *, threads: int, precision: Precision) -> None:
        self.weights = weights
        self._threads = threads
        self._float_precision = float_precision() if precision in ("auto", "int8") else precision
        self._quantized = precision == "int8" or (precision == "auto" and bool(weights.ranges))
        if precision == "int8" and not weights.ranges:
            raise ConfigError("these weights have no ranges for int8: measure them, python -m codec.engines.calibrate")

    def load(self, name: str, *, size: int) -> Graph:
        precision: Precision = self._float_precision if name in REDUCED else "f32"
        if self._quantized and name in QUANTIZED:
            precision = "int8"
        threads = 1 if name in BESIDE else self._threads
        request = _Request(compiled(self.weights, name, size=size, threads=threads, precision=precision))
        # Where one thread is all there is, another would only wait for its turn, and spin while it does.
        return Immediate(request) if self._threads == 1 else request


class _Request:
    """One graph with buffers of its own; inputs are read where they lie."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = [self._request.get_output_tensor(index).data for index in range(len(compiled.outputs))]

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        held = self._take(inputs)
        self._request.infer()
        del held
        return tuple(self._outputs)

    def begin(self, *inputs: Array) -> Callable[[], tuple[Array, ...]]:
        held = self._take(inputs)
        self._request.start_async()

        def outputs() -> tuple[Array, ...]:
            self._request.wait()
            held.clear()
            return tuple(self._outputs)

        return outputs

    def _take(self, inputs: tuple[Array, ...]) -> list[Array]:
        """Hands over the inputs, which must be kept until the request has run."""
        # The request itself keeps no memory alive, and takes none that is read-only.
        arrays = [np.require(array, requirements=("C", "W")) for array in inputs]
        for index, array in enumerate(arrays):
            self._request.set_input_tensor(index, ov.Tensor(array, shared_memory=True))
        return arrays


@cache
def float_precision() -> Precision:
    """bfloat16 where the processor multiplies it itself, else float32."""
    return "bf16" if "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def compiled(weights: Weights, name: str, *, size: int, threads: int, precision: Precision) -> ov.CompiledModel:
    """A graph with its weights, made once for these. WeightsError where its file is missing or damaged."""
    key = (path_of(name, size), threads, precision)
    if key not in weights.made:
        weights.made[key] = _compile(weights, key[0], threads=threads, precision=precision)
    return weights.made[key]


def _compile(weights: Weights, path: Path, *, threads: int, precision: Precision) -> ov.CompiledModel:
    try:
        model = core().read_model(path)
    except RuntimeError as error:
        raise WeightsError(f"{path.name} is missing or damaged; python -m codec.export writes it again") from error
    _bind(model, weights, quantized=precision == "int8")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32" if precision == "f32" else float_precision(),
        # Both ends of a call may run on one machine: pinned, they would fight for the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    return core().compile_model(model, "CPU", settings)


def _bind(model: ov.Model, weights: Weights, *, quantized: bool) -> None:
    """Puts the weights in the place of the inputs named like them."""
    for parameter in model.get_parameters():
        name = parameter.get_friendly_name()
        if name not in weights.tensors:
            continue
        users = [user.get_node() for user in parameter.output(0).get_target_inputs()]
        tensor = weights.tensors[name].astype(np.float32)
        constant = ov.opset13.constant(tensor)
        parameter.output(0).replace(constant.output(0))
        model.remove_parameter(parameter)
        if quantized and name in weights.ranges:
            for node in users:
                quantize(node, tensor, weights.ranges[name])
