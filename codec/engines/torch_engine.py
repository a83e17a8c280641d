"""Stages 3 and 9, the fallback engine: the same graphs as the torch modules that they were exported from."""

from contextlib import AbstractContextManager
from typing import cast

import numpy as np
import torch

from codec.config import Precision
from codec.engines.engine import Graph, Immediate
from codec.errors import ConfigError
from codec.graphs.files import REDUCED
from codec.networks.graph_modules import CUTS
from codec.networks.layers import has_bfloat16
from codec.networks.store import model_of
from codec.units import Array
from codec.weights.files import Weights


class TorchEngine:
    """The modules in eval mode; bfloat16 by autocast where the processor multiplies it itself."""

    def __init__(self, weights: Weights, *, threads: int, precision: Precision) -> None:
        if precision == "int8":
            raise ConfigError("precision int8 is for engine openvino; torch has bf16 and f32")
        if threads:
            torch.set_num_threads(threads)
        self.weights, self.model = weights, model_of(weights)
        self._half = has_bfloat16() if precision == "auto" else precision == "bf16"

    def load(self, name: str, *, size: int) -> Graph:
        module, half = CUTS[name].module(self.model).eval(), self._half and name in REDUCED

        @torch.inference_mode()
        def run(*inputs: Array) -> tuple[Array, ...]:
            tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in inputs]
            with cast(AbstractContextManager[None], torch.autocast("cpu", torch.bfloat16, enabled=half)):
                outputs = module(*tensors)
            found = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
            return tuple(_array(tensor) for tensor in found)

        return Immediate(run)


def _array(tensor: torch.Tensor) -> Array:
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).contiguous().numpy()
