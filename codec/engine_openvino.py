"""Stages 3 and 9, the default engine: exported graphs on OpenVINO's CPU plugin."""

from functools import cache, lru_cache

import numpy as np
import openvino as ov

from codec.config import Precision
from codec.engine import Array, Graph
from codec.graphs import REDUCED, path_of
from codec.weights import Weights


class OpenVinoEngine:
    """Compiles a graph once a process for each weights, precision and thread count."""

    def __init__(self, held: Weights, *, threads: int, precision: Precision) -> None:
        self._held = held
        self._threads = threads
        self._precision = best_precision() if precision == "auto" else precision

    def load(self, name: str, *, size: int) -> Graph:
        precision = self._precision if name in REDUCED else "f32"
        return _Request(_compiled(_Key(self._held), name, size, self._threads, precision))


class _Key:
    """Weights by their id, for the cache of compiled graphs."""

    def __init__(self, held: Weights) -> None:
        self.held = held

    def __hash__(self) -> int:
        return hash(self.held.identifier)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.held is other.held


class _Request:
    """One graph with buffers of its own; inputs are read where they lie."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        self._outputs = [self._request.get_output_tensor(index).data for index in range(len(compiled.outputs))]

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        for index, array in enumerate(inputs):
            self._request.set_input_tensor(index, ov.Tensor(np.ascontiguousarray(array), shared_memory=True))
        self._request.infer()
        return tuple(self._outputs)


@cache
def _core() -> ov.Core:
    return ov.Core()


@cache
def best_precision() -> Precision:
    """bfloat16 where the processor multiplies it itself, else float32."""
    return "bf16" if "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


@lru_cache(maxsize=64)
def _compiled(key: _Key, name: str, size: int, threads: int, precision: Precision) -> ov.CompiledModel:
    model = _core().read_model(path_of(name, size))
    _bind(model, key.held)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        # Both ends of a call may run on one machine: pinned, they would fight for the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    return _core().compile_model(model, "CPU", settings)


def _bind(model: ov.Model, held: Weights) -> None:
    """Puts the weights in the place of the inputs named like them."""
    for parameter in model.get_parameters():
        tensor = held.tensors.get(parameter.get_friendly_name())
        if tensor is not None:
            constant = ov.opset13.constant(tensor.astype(np.float32))
            parameter.output(0).replace(constant.output(0))
            model.remove_parameter(parameter)
