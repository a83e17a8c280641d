"""Stages 3 and 9, for comparison only: the exported graphs on ONNX Runtime, where that happens to be installed.

The codec does not use it, so it is no dependency of anything here. int8 is ONNX Runtime's own static quantisation:
QDQ nodes, signed weights for each output channel, ranges of activations by the extremes on real inputs.
"""

import logging
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.engines.inputs import Inputs
from codec.config import Precision
from codec.engines.engine import Graph, Immediate
from codec.export import export
from codec.graphs.files import QUANTIZED
from codec.networks.store import model_of
from codec.units import Array
from codec.weights.files import Weights

HOW_TO_GET_IT = "ONNX Runtime is not installed, its rows are left out: pip install -c constraints.txt onnxruntime onnx"


def is_there() -> bool:
    """Whether ONNX Runtime, and onnx, which its quantisation needs, can be imported."""
    return find_spec("onnxruntime") is not None and find_spec("onnx") is not None


class OnnxRuntimeEngine:
    """Graphs with weights in them, written into `folder` as they are asked for."""

    def __init__(
        self, held: Weights, folder: Path, *, threads: int, precision: Precision, calibration: Inputs | None = None
    ) -> None:
        """`calibration`, for int8: what the graphs are given on real pictures."""
        self._runtime: Any = import_module("onnxruntime")
        self._runtime.set_default_logger_severity(3)  # its warnings are about optimisations that it leaves out
        self.weights, self._model = held, model_of(held)
        self._folder = folder
        self._threads = threads
        self._calibration = calibration if precision == "int8" else None

    def load(self, name: str, *, size: int) -> Graph:
        path = self._folder / f"{name}-{size}.onnx"
        export(path, name, self._model, size=size, holding_weights=True)
        if self._calibration is not None and name in QUANTIZED:
            path = _quantised(path, self._calibration[name])
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        # Its threads wait busily for the next graph, here at the cost of another engine.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = self._runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]

        def run(*inputs: Array) -> tuple[Array, ...]:
            fed = {f"input{index}": array for index, array in enumerate(inputs)}
            return tuple(session.run(None, {name: fed[name] for name in names}))

        return Immediate(run)


class _Reader:
    """Hands one set of inputs after the other to the calibration."""

    def __init__(self, inputs: list[tuple[Array, ...]]) -> None:
        self._left: Iterator[tuple[Array, ...]] = iter(inputs)

    def get_next(self) -> dict[str, Array] | None:
        following = next(self._left, None)
        return None if following is None else {f"input{index}": array for index, array in enumerate(following)}


def _quantised(path: Path, inputs: list[tuple[Array, ...]]) -> Path:
    quantization: Any = import_module("onnxruntime.quantization")
    prepared, done = path.with_suffix(".prepared.onnx"), path.with_suffix(".int8.onnx")
    before = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it logs advice on the root logger
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantization.shape_inference.quant_pre_process(path, prepared, skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared,
                done,
                _Reader(inputs),
                op_types_to_quantize=["Conv", "ConvTranspose", "Gemm", "MatMul"],
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
    finally:
        logging.root.setLevel(before)
    return done
