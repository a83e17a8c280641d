"""Stages 3 and 9, export: `python -m codec.export` writes the networks as ONNX graphs.

Without arguments it renews `codec/graphs` after a change to `codec/networks`. With a folder it writes graphs that hold
their weights, for any runtime that reads ONNX (opset 20, 2-D GridSample at most). With `--decoder` as well it writes
what a receiver alone needs, a browser's for example: its graphs, and the weights that they take, once, in float16.
"""

import argparse
import json
import shutil
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

try:
    import torch
except ModuleNotFoundError as missing:
    raise SystemExit(f"python -m codec.export: {missing}: pip install 'facewire[export]'") from None

from codec.config import CodecConfig
from codec.graphs import files as graphs
from codec.networks import FaceModel
from codec.networks.graph_modules import CUTS
from codec.networks.store import model_of
from codec.units import SIZES
from codec.weights import files as weights


def export(path: Path, name: str, model: FaceModel, *, size: int, holding_weights: bool) -> None:
    """Writes one graph as ONNX; its weights are inputs unless it holds them."""
    cut = CUTS[name]
    example = cut.example(size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter calls itself deprecated; the other needs a package more
        torch.onnx.export(
            cut.module(model).eval(),
            example,
            path,
            dynamo=False,
            opset_version=graphs.OPSET,
            export_params=holding_weights,
            do_constant_folding=False,
            input_names=[f"input{index}" for index in range(len(example))],
        )


def distinct(model: FaceModel) -> FaceModel:
    """With weights that all differ: the exporter takes equal tensors, such as fresh biases, for one and the same."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


def write(folder: Path, model: FaceModel, *, holding_weights: bool) -> None:
    """All graphs at all sizes into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in graphs.NAMES:
        for size in SIZES if name in graphs.PER_SIZE else SIZES[:1]:
            path = folder / graphs.path_of(name, size).name
            export(path, name, model, size=size, holding_weights=holding_weights)


def write_index(folder: Path, model: FaceModel) -> None:
    """What the weights of these graphs are called, and their shapes."""
    shapes = {name: list(tensor.shape) for name, tensor in sorted(model.state_dict().items())}
    index = {"opset": graphs.OPSET, "weights": shapes}
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def write_decoder(folder: Path, held: weights.Weights) -> tuple[dict[str, int], int]:
    """The decoder's graphs, and decoder.safetensors with their weights: how often each layer occurs, bytes of weights.

    ModuleNotFoundError without onnx.
    """
    import onnx

    folder.mkdir(parents=True, exist_ok=True)
    layers, taken = Counter[str](), set[str]()
    for path in {graphs.path_of(name, size) for name in graphs.DECODING for size in SIZES}:
        shutil.copy(path, folder / path.name)
        graph = onnx.load(path).graph
        layers.update(node.op_type for node in graph.node if node.op_type != "Constant")
        taken |= {entry.name for entry in graph.input} & held.tensors.keys()
    data = save({name: held.tensors[name].astype(np.float16) for name in sorted(taken)})
    (folder / "decoder.safetensors").write_bytes(data)
    return dict(layers.most_common()), len(data)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m codec.export", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="for graphs with weights in them; none: codec/graphs")
    parser.add_argument("--weights", default=CodecConfig().weights, metavar="NAME", help="which (default: %(default)s)")
    parser.add_argument("--decoder", action="store_true", help="into the folder, only what a receiver needs")
    options = parser.parse_args(arguments)
    if options.decoder and options.folder is None:
        parser.error("--decoder needs a folder")
    if options.decoder:
        layers, size = write_decoder(options.folder, weights.load(options.weights))
        print(f"{options.folder}: {size / 1e6:.1f} MB of weights, {len(layers)} kinds of layers: {', '.join(layers)}")
    elif options.folder is None:
        model = distinct(FaceModel())
        write(graphs.FOLDER, model, holding_weights=False)
        write_index(graphs.FOLDER, model)
    else:
        write(options.folder, model_of(weights.load(options.weights)), holding_weights=True)


if __name__ == "__main__":
    main()
