"""Stages 3 and 9, engine: what runs a graph of codec.graphs.

OpenVINO is the default: on two threads of a processor with AVX-512 it needs a quarter to a half of the time that torch
or ONNX Runtime needs for these networks, starts in half a second, and takes 200 MB less memory (docs/speed.md). torch
is the fallback where OpenVINO has no package, and what the exported graphs are tested against.
"""

from collections.abc import Callable
from typing import Protocol

from codec.units import Array
from codec.weights.files import Weights

# A loaded graph. The arrays that come back are overwritten by its next run: copy what is to stay.
Graph = Callable[..., tuple[Array, ...]]


class Engine(Protocol):
    """Runs graphs with the weights, threads and precision that it was made with. For one thread at a time."""

    weights: Weights

    def load(self, name: str, *, size: int) -> Graph:
        """A graph of codec.graphs, ready to run in a call of that size."""
