"""Stage 10, display (as judged): LPIPS, how far apart two pictures look to a network.

Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR
2018, version 0.1 with AlexNet. The networks are not part of this project: a directory is named that holds

- `alexnet_features.npz`: torchvision's AlexNet convolutions, `features.{0,3,6,8,10}.{weight,bias}`, OIHW float32;
- `lin_v0.1_alex.pth`: the metric's 1x1 layers, `lin{0..4}.model.1.weight`, as the authors publish them.
"""

import zipfile
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.errors import NetsMissing

FEATURES_FILE = "alexnet_features.npz"
LINEAR_FILE = "lin_v0.1_alex.pth"
# torchvision's index of each convolution, its stride and padding, and whether a 3x3/2 max-pool comes before it
LAYERS = ((0, 4, 2, False), (3, 1, 2, True), (6, 1, 1, True), (8, 1, 1, False), (10, 1, 1, False))
CHANNELS = (3, 64, 192, 384, 256, 256)
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10


class Lpips:
    """The metric, loaded once. Called with two (B, 3, H, W) tensors of 0..255, gives (B,); 0 for equal pictures."""

    def __init__(self, directory: Path) -> None:
        """Raises NetsMissing when the files are absent or of another shape."""
        try:
            with (directory / FEATURES_FILE).open("rb") as file, np.load(file, allow_pickle=False) as features:
                self._convolutions = [
                    (
                        torch.from_numpy(features[f"features.{i}.weight"]),
                        torch.from_numpy(features[f"features.{i}.bias"]),
                    )
                    for i, *_ in LAYERS
                ]
            linear = torch.load(directory / LINEAR_FILE, map_location="cpu", weights_only=True)
            self._weights = [linear[f"lin{k}.model.1.weight"].float() for k in range(len(LAYERS))]
        except (
            OSError,
            LookupError,
            TypeError,
            ValueError,
            UnpicklingError,
            zipfile.BadZipFile,
            RuntimeError,
        ) as error:
            raise NetsMissing(f"{directory}: no usable {FEATURES_FILE} and {LINEAR_FILE} ({error})") from error
        shapes = [tuple(weight.shape[:2]) for weight, _ in self._convolutions]
        if shapes != [(b, a) for a, b in pairwise(CHANNELS)]:
            raise NetsMissing(f"{directory / FEATURES_FILE}: not AlexNet's convolutions")

    def _taps(self, pictures: Tensor) -> list[Tensor]:
        x = pictures / 127.5 - 1
        x = (x - x.new_tensor(SHIFT)[:, None, None]) / x.new_tensor(SCALE)[:, None, None]
        taps = []
        for (weight, bias), (_, stride, padding, pooled) in zip(self._convolutions, LAYERS, strict=True):
            if pooled:
                x = functional.max_pool2d(x, 3, 2)
            x = functional.relu(functional.conv2d(x, weight, bias, stride, padding))
            taps.append(x / (x.square().sum(1, keepdim=True).sqrt() + EPSILON))
        return taps

    @torch.inference_mode()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """d = sum over layers of mean over positions of w . (f(a) - f(b))^2, features unit-normalised over channels."""
        distance = a.new_zeros(len(a))
        for fa, fb, weight in zip(self._taps(a), self._taps(b), self._weights, strict=True):
            distance += functional.conv2d((fa - fb).square(), weight).mean((1, 2, 3))
        return distance
