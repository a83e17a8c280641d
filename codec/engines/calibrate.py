"""Training, calibration: `python -m codec.engines.calibrate CLIP...` measures the ranges that int8 needs.

Pictures of real clips are coded as references at several qualities and warped into later ones by the networks, while
every convolution notes what enters it. A range reaches from the mean over the runs of the smallest value to that of the
largest: single outliers, which would coarsen all the others, are clipped. The ranges are written beside the weight file
as NAME.int8.json.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

try:
    import torch
except ModuleNotFoundError as missing:
    raise SystemExit(f"python -m codec.engines.calibrate: {missing}: pip install 'facewire[torch]'") from None
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from codec.config import CodecConfig
from codec.engines.runtime import Runtime
from codec.engines.torch_engine import TorchEngine
from codec.errors import CodecError, MediaError
from codec.graphs.files import QUANTIZED_NETWORKS
from codec.input.video import read_video
from codec.motion.face_box import FaceBox
from codec.motion.face_tracker import FaceTracker, landmarks_in
from codec.motion.face_windows import WINDOWS
from codec.pictures.crop import centre_crop
from codec.reference.coder import ReferenceEncoder
from codec.reference.crf import INTRA_OFFSET, REFERENCE_PRESETS, reference_crf
from codec.units import SIZES, Image
from codec.weights import files as weights
from codec.weights.files import Range
from codec.windows.painter import FaceReference, paint

_QPS = (28, 34, 40, 46)
_STRIDE, _LENGTH = 5, 60  # every fifth of a clip's first pictures


class Observer:
    """Notes the extremes of what enters each convolution and linear layer, by the name of its weight."""

    def __init__(self, model: nn.Module) -> None:
        self._extremes: dict[str, list[Range]] = {}
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.register_forward_pre_hook(self._hook(f"{name}.weight"))

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        seen = self._extremes.setdefault(name, [])

        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            low, high = torch.aminmax(inputs[0])
            seen.append((float(low), float(high)))

        return note

    @property
    def ranges(self) -> dict[str, Range]:
        """The range of each layer that was run."""
        return {
            name: (sum(low for low, _ in seen) / len(seen), sum(high for _, high in seen) / len(seen))
            for name, seen in self._extremes.items()
            if seen
        }


def calibrate(clips: Sequence[Path], *, name: str, size: int, console: Console) -> dict[str, Range]:
    """The ranges by name of the weight. Raises MediaError for what is no video, WeightsError."""
    config = CodecConfig(weights=name, size=size, engine="torch", precision="f32")
    engine = TorchEngine(weights.load(name, ranges=False), threads=0, precision="f32")
    observer, runtime = Observer(engine.model), Runtime(config, engine=engine)
    for index, clip in enumerate(track(clips, description="clips", console=console)):
        first, *later = _pictures(clip, size)
        run_networks(runtime, first, later or [first], qp=_QPS[index % len(_QPS)], size=size)
    return {layer: found for layer, found in observer.ranges.items() if layer.split(".")[0] in QUANTIZED_NETWORKS}


def run_networks(runtime: Runtime, first: Image, later: Sequence[Image], *, qp: int, size: int) -> None:
    """The first picture as a coded reference, warped into each of the later ones, mouth and eyes drawn."""
    coder = ReferenceEncoder(
        size=size, crf=reference_crf(qp), intra_offset=INTRA_OFFSET, preset=REFERENCE_PRESETS["realtime"]
    )
    coder.encode(first, intra=True)
    canonical, motion = runtime.extract(first)
    reference = runtime.prepare(coder.reconstruction, crf=coder.coded_crf, canonical=canonical, motion=motion)
    tracker = FaceTracker(runtime)
    landmarks = tracker.follow(first, keypoints=runtime.keypoints(motion, canonical))
    found = landmarks_in(runtime, reference.picture, FaceBox.of(landmarks, side=size))
    face = FaceReference(reference.picture, found, runtime.face_shape.person(found, side=size))
    for picture in later:
        _, driving = runtime.extract(picture)
        landmarks = tracker.follow(picture, keypoints=runtime.keypoints(driving, canonical))
        flow, occlusion = runtime.base_flow(reference, driving_motion=driving)
        shown = runtime.generate(reference, flow=flow, occlusion=occlusion)
        paint(runtime, shown, landmarks, [face], windows=WINDOWS)


def _pictures(clip: Path, size: int) -> list[Image]:
    found = []
    for image_rgb, _ in islice(read_video(clip), 0, _LENGTH, _STRIDE):
        height, width = image_rgb.shape[:2]
        found.append(centre_crop(height, width).extract(image_rgb, size))
    if not found:
        raise MediaError(f"{clip}: holds no picture")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.engines.calibrate",
        description="Measure, on real clips of faces, the ranges of activations that --precision int8 needs.",
    )
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP", help="some ten clips of different people")
    parser.add_argument("--weights", default=CodecConfig().weights, metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--size", type=int, choices=SIZES, default=CodecConfig().size, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        ranges = calibrate(options.clips, name=options.weights, size=options.size, console=Console())
        path = weights.ranges_path(weights.find(options.weights)[0])
        held = {"weights_id": weights.load(options.weights, ranges=False).identifier.hex(), "clips": len(options.clips)}
        rounded = {name: [float(f"{value:.5g}") for value in pair] for name, pair in sorted(ranges.items())}
        path.write_text(json.dumps({**held, "ranges": rounded}, indent=1) + "\n")
    except (CodecError, OSError) as error:
        print(f"facewire calibrate: {error}", file=sys.stderr)
        return 2
    print(f"ranges of {len(ranges)} layers: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
