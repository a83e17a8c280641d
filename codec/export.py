"""Stages 3 and 9, export: `python -m codec.export` writes the networks as ONNX graphs.

Without arguments it renews `codec/graphs` after a change to `codec/networks`. With a folder it writes graphs that hold
their weights, for any runtime that reads ONNX (opset 20, 2-D GridSample at most): a browser's, for example.
"""

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m codec.export", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="for graphs with weights in them; none: codec/graphs")
    parser.add_argument("--weights", default=CodecConfig().weights, metavar="NAME", help="which (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.folder is None:
        model = distinct(FaceModel())
        write(graphs.FOLDER, model, holding_weights=False)
        write_index(graphs.FOLDER, model)
    else:
        write(options.folder, model_of(weights.load(options.weights)), holding_weights=True)


if __name__ == "__main__":
    main()
