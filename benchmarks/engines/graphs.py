"""Stages 3 and 9, graph by graph: milliseconds and errors of each engine in each precision, on the same inputs.

A row is there for a graph and a precision only where that precision is used for it (codec.graphs: REDUCED, QUANTIZED).
Elsewhere an engine runs the graph in the next finer one, and so do the sums over several graphs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.engines import onnxruntime_engine
from benchmarks.engines.inputs import Inputs
from benchmarks.engines.onnxruntime_engine import OnnxRuntimeEngine
from benchmarks.engines.rows import BYTES, COVERED, EXACT, ONNXRUNTIME, OPENVINO, SUMS, TORCH, GraphRow, SumRow, as_run
from benchmarks.records.spread import Spread
from codec.config import Precision
from codec.engines.engine import Engine, Graph
from codec.engines.openvino_engine import OpenVinoEngine, float_precision
from codec.engines.openvino_import import ov
from codec.engines.torch_engine import TorchEngine
from codec.graphs.files import NAMES, path_of
from codec.units import Array
from codec.weights.files import Weights

Key = tuple[str, str, Precision]  # graph, engine
Item = TypeVar("Item")
# Between two engines: OpenVINO's threads go on waiting busily for 1 ms after their work, at the cost of who comes next.
REST_S = 0.005


@dataclass(frozen=True, slots=True)
class Contestant:
    """One engine in one precision."""

    engine: str
    precision: Precision
    runs: Engine


def contestants(
    held: Weights, folder: Path, *, threads: int, calibration: Inputs
) -> tuple[list[Contestant], list[str]]:
    """All that this machine and these weights allow, torch f32 first, and in words what they do not."""
    notes = []
    floats: list[Precision] = ["f32", "bf16"]
    if float_precision() != "bf16":
        floats.remove("bf16")
        notes.append("this processor does not multiply bfloat16, the rows of bf16 are left out")
    found = [Contestant(TORCH, each, TorchEngine(held, threads=threads, precision=each)) for each in floats]
    precisions = [*floats, "int8"] if held.ranges else floats
    if not held.ranges:
        notes.append("these weights have no ranges for int8: measure them, python -m codec.engines.calibrate CLIP...")
    found += [Contestant(OPENVINO, each, OpenVinoEngine(held, threads=threads, precision=each)) for each in precisions]
    if not onnxruntime_engine.is_there():
        return found, [*notes, onnxruntime_engine.HOW_TO_GET_IT]
    pair: tuple[Precision, Precision] = ("f32", "int8")
    for each in pair:
        runs = OnnxRuntimeEngine(held, folder, threads=threads, precision=each, calibration=calibration)
        found.append(Contestant(ONNXRUNTIME, each, runs))
    return found, notes


def load_all(found: Sequence[Contestant], *, size: int) -> dict[Key, Graph]:
    """Every graph on every contestant that runs it in a precision of its own."""
    return {
        (name, each.engine, each.precision): each.runs.load(name, size=size)
        for name in NAMES
        for each in found
        if name in COVERED[each.precision]
    }


def time_graphs(
    loaded: dict[Key, Graph], inputs: Inputs, *, runs: int, tick: Callable[[float], None]
) -> dict[Key, list[float]]:
    """Milliseconds of `runs` runs of each, in turns, each begun by another one, so that what disturbs hits all alike.

    Before each run comes one that is not counted, so that no engine pays for what the one before left in the caches.
    """
    ms: dict[Key, list[float]] = {key: [] for key in loaded}
    before = ""
    for turn in range(runs):
        for key in (key for name in NAMES for key in rotated([key for key in loaded if key[0] == name], turn)):
            name, engine, _ = key
            graph = loaded[key]
            arrays = inputs[name][turn % len(inputs[name])]
            if engine != before:
                time.sleep(REST_S)
            before = engine
            graph(*arrays)
            start_s = time.perf_counter()
            graph(*arrays)
            ms[key].append(1000 * (time.perf_counter() - start_s))
        tick((turn + 1) / runs)
    return ms


def rotated(items: Sequence[Item], turn: int) -> list[Item]:
    """From another one on each turn."""
    start = turn % len(items)
    return [*items[start:], *items[:start]]


def error_of(graph: Graph, exact: Graph, inputs: Sequence[tuple[Array, ...]]) -> tuple[float, float, float]:
    """Largest and mean error of a graph's outputs, and the latter in parts of their mean magnitude."""
    errors, magnitudes = [], []
    for arrays in inputs:
        for compared, right in zip(graph(*arrays), exact(*arrays), strict=True):
            errors.append(np.abs(compared.astype(np.float64) - right).ravel())
            magnitudes.append(np.abs(right.astype(np.float64)).ravel())
    every = np.concatenate(errors)
    mean = float(every.mean())
    return float(every.max()), mean, mean / max(float(np.concatenate(magnitudes).mean()), 1e-12)


def graph_rows(
    loaded: dict[Key, Graph],
    inputs: Inputs,
    held: Weights,
    *,
    size: int,
    runs: int,
    tick: Callable[[float], None] = lambda _: None,
) -> list[GraphRow]:
    """All rows of one size, by graph; torch f32 is among `loaded`."""
    ms = time_graphs(loaded, inputs, runs=runs, tick=tick)
    rows = []
    for key, samples in ms.items():
        name, engine, precision = key
        exact, spread = (name, TORCH, EXACT), Spread.of(samples)
        error: tuple[float | None, ...] = (None, None, None)
        if key != exact:
            error = error_of(loaded[key], loaded[exact], inputs[name])
        count = sum(held.tensors[tensor].size for tensor in tensors_of(name, size) & held.tensors.keys())
        ratio = spread.median / Spread.of(ms[exact]).median
        rows.append(GraphRow(size, name, engine, precision, spread, ratio, count, count * BYTES[precision], *error))
    return rows


@cache
def tensors_of(name: str, size: int) -> frozenset[str]:
    """What a graph of codec.graphs is fed by name: its weights, and its inputs."""
    model = ov.Core().read_model(path_of(name, size))
    return frozenset(parameter.get_friendly_name() for parameter in model.get_parameters())


def sum_rows(rows: Sequence[GraphRow], held: Weights) -> list[SumRow]:
    """Over the rows of one size, for each engine and precision."""
    row_of = as_run(rows)

    def total_ms(engine: str, precision: Precision) -> dict[str, float]:
        return {what: sum(row_of(name, engine, precision).ms.median for name in names) for what, names in SUMS.items()}

    made, exact = [], total_ms(TORCH, EXACT)
    for engine, precision in dict.fromkeys((row.engine, row.precision) for row in rows):
        ms = total_ms(engine, precision)
        bytes_of: dict[str, int] = {}  # some weights serve several graphs: they count once
        for name in NAMES:
            used = row_of(name, engine, precision)
            bytes_of |= dict.fromkeys(tensors_of(name, used.size) & held.tensors.keys(), BYTES[used.precision])
        total = sum(held.tensors[tensor].size * each for tensor, each in bytes_of.items())
        made.append(SumRow(rows[0].size, engine, precision, ms, {what: ms[what] / exact[what] for what in ms}, total))
    return made
