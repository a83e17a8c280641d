"""Stages 3 and 9, engine: what runs a graph of codec.graphs.

OpenVINO is the default: on two threads of a processor with AVX-512 it needs a quarter to a half of the time that torch
or ONNX Runtime needs for these networks, starts in half a second, and takes 200 MB less memory (docs/speed.md). torch
is the fallback where OpenVINO has no package, and what the exported graphs are tested against.
"""

from collections.abc import Callable
from typing import Protocol

from codec.units import Array
from codec.weights.files import Weights


class Graph(Protocol):
    """A loaded graph. The arrays that come back are overwritten by its next run: copy what is to stay."""

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """Runs it."""

    def begin(self, *inputs: Array) -> Callable[[], tuple[Array, ...]]:
        """Starts to run it, beside what its caller does next where the engine can; its outputs are then called for."""


class Immediate:
    """A graph of a function that runs when it is begun."""

    def __init__(self, run: Callable[..., tuple[Array, ...]]) -> None:
        self._run = run

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        return self._run(*inputs)

    def begin(self, *inputs: Array) -> Callable[[], tuple[Array, ...]]:
        outputs = self._run(*inputs)
        return lambda: outputs


class Engine(Protocol):
    """Runs graphs with the weights, threads and precision that it was made with. For one thread at a time."""

    weights: Weights

    def load(self, name: str, *, size: int) -> Graph:
        """A graph of codec.graphs, ready to run in a call of that size."""
