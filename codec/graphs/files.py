"""Stages 3 and 9, the exported graphs: which there are, their files, and the weights each takes.

`codec/graphs` holds one ONNX file a graph (those that depend on the size of the call: one for each size), opset 20,
written by `codec.export` from `codec.networks.graph_modules`. They hold no weights: those are inputs named as in the
weight file, so that one set of graphs serves every weight file of this build. `index.json` lists the weights' shapes.
"""

import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
OPSET = 20
# What loses nothing to bfloat16, and of that what loses nothing to int8. The others find keypoints, flow and warp:
# 8 bits would move pixels, as int8 would in the judgement of candidate flows (up to 0.2 dB and 0.01 of SSIM on lively
# faces, for half a millisecond); the extractor takes as little time in float32.
REDUCED = (
    *("restoration", "appearance", "judgement", "guidance", "refinement", "generator"),
    *("landmarks", "mouth_points", "eye_points", "mouth", "eyes"),
)
QUANTIZED = ("restoration", "appearance", "generator", "mouth", "eyes")
QUANTIZED_NETWORKS = ("restoration", "appearance", "generator", "windows")  # whose they are, by their tensors' names
BESIDE = ("mouth", "eyes")  # small ones that run beside other work, on one thread each
PER_SIZE = ("restoration", "scene", "appearance", "guidance", "generator")
WHOLE = (
    *("extractor", "keypoints", "candidates", "judgement", "mix", "refinement", "choice"),
    *("landmarks", "mouth_points", "eye_points", "mouth", "eyes"),
)
NAMES = (*PER_SIZE, *WHOLE)
DECODING = tuple(name for name in NAMES if name not in ("extractor", "keypoints"))


def path_of(name: str, size: int) -> Path:
    """The ONNX file of a graph in a call of that size."""
    return FOLDER / (f"{name}-{size}.onnx" if name in PER_SIZE else f"{name}.onnx")


@cache
def weight_shapes() -> dict[str, tuple[int, ...]]:
    """The tensors a weight file must hold, with their shapes."""
    shapes = json.loads((FOLDER / "index.json").read_text())["weights"]
    return {name: tuple(shape) for name, shape in shapes.items()}
