"""Stages 3 and 9, as they are fed: what each graph of the networks is given on real frames, kept to be run again."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.clips.clip import load_clip
from codec import CodecConfig
from codec.engines.calibrate import run_networks
from codec.engines.engine import Engine, Graph, Immediate
from codec.engines.runtime import Runtime
from codec.engines.torch_engine import TorchEngine
from codec.units import Array, Image
from codec.weights import files as weights

SAMPLES = 6  # of each graph's inputs; spread over the clips and over their time

# Inputs by the graph's name: for each time it ran the arrays it was given.
Inputs = dict[str, list[tuple[Array, ...]]]


class Recorder:
    """An engine that has another one do the work, and keeps a copy of all that goes in."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.weights = engine.weights
        self.inputs: Inputs = {}

    def load(self, name: str, *, size: int) -> Graph:
        graph, kept = self._engine.load(name, size=size), self.inputs.setdefault(name, [])

        def run(*inputs: Array) -> tuple[Array, ...]:
            kept.append(tuple(array.copy() for array in inputs))
            return graph(*inputs)

        return Immediate(run)


def inputs_of(pairs: Sequence[tuple[Image, Image]], config: CodecConfig) -> Inputs:
    """What follows, by torch in float32, from pairs of pictures: one coded as a reference, one it is warped into.

    Pictures are (S, S, 3), S the size of `config`. Raises what `codec.errors` names.
    """
    held = weights.load(config.weights)
    recorder = Recorder(TorchEngine(held, threads=config.threads, precision="f32"))
    runtime = Runtime(config, engine=recorder)
    for first, later in pairs:
        run_networks(runtime, first, [later], qp=config.qp, size=config.size)
    return recorder.inputs


def pairs_of(clips: Sequence[Path], *, size: int, seconds: float, between: bool = False) -> list[tuple[Image, Image]]:
    """Pictures half a clip apart, at moments spread over it; `between`: at the moments between those. Raises ClipError.

    One clip at a time is in memory.
    """
    pairs = []
    for index in range(SAMPLES):
        pictures = load_clip(clips[index * len(clips) // SAMPLES], size=size, seconds=seconds).pictures
        count = len(pictures)
        start = int((index + between / 2) * count / SAMPLES)
        pairs.append((pictures[start].copy(), pictures[(start + count // 2) % count].copy()))
    return pairs
