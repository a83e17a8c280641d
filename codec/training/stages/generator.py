"""Training, generator: appearance, generator and flow refinement, from what the real encoder left them to work with.

References are restored once. Features are found and warped whole, and what a picture is generated from is cut to
128x128 after that: the generator's convolutions take most of the time, and the warp may fetch from anywhere.
"""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from codec.errors import MediaError
from codec.motion.parameters import FLOW_SIZE
from codec.networks import FaceModel, Restoration
from codec.networks.layers import mixed_precision, resize, warp
from codec.training.data.augment import colour_gain
from codec.training.data.optical_flow import measure_flow
from codec.training.stages.losses import SqueezeDistance
from codec.training.stages.restoration import COLOUR, CROP, CROP_STEP, likeness_loss, place

_CHUNK = 8
_MIDDLE_SHARE = 0.5  # of the crops lie about the middle, where the face is
_WARP_WEIGHT = 3.0  # of the plain warp by the refined field
_CHOICE_WEIGHT, _CHOICE_PIXELS = 0.1, 128.0  # of how far it is, in pixels of 256, from the field that is measured


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """Restored references and driving frames (B, 3, S, S), flow (B, 2, 64, 64), occlusion (B, 1, 64, 64)."""

    reference: Tensor
    driving: Tensor
    flow: Tensor
    occlusion: Tensor


class Recordings:
    """Every recording of a folder on the device that trains, about 230 kB a sample."""

    def __init__(self, folder: Path, restoration: Restoration, *, seed: int, device: torch.device) -> None:
        self._random = np.random.default_rng(seed)
        self._device = device
        references, driving, flow, occlusion, numbers = [], [], [], [], list[int]()
        count = 0
        for path in sorted(folder.glob("*.npz")):
            parts = _read(path)
            references.append(_restored(restoration, parts["references"], parts["crf"], device))
            driving.append(torch.from_numpy(parts["driving"]).to(device))
            flow.append(torch.from_numpy(parts["flow"]).permute(0, 3, 1, 2).to(device))
            occlusion.append(torch.from_numpy(parts["occlusion"])[:, None].to(device))
            numbers += [count + int(number) for number in parts["reference"]]
            count += len(parts["references"])
        self._references, self._driving = torch.cat(references), torch.cat(driving)
        self._flow, self._occlusion = torch.cat(flow), torch.cat(occlusion)
        self._numbers = torch.tensor(numbers, device=device)

    def __len__(self) -> int:
        return len(self._numbers)

    def batch(self, count: int) -> RecordedBatch:
        """Random frames, half of them mirrored."""
        chosen = torch.from_numpy(self._random.integers(0, len(self), count)).to(self._device)
        mirrored = torch.from_numpy(self._random.random(count) < 0.5).to(self._device)[:, None, None, None]
        gain = colour_gain(count, width=COLOUR, random=self._random, device=self._device)
        bytes_ = self._references[self._numbers[chosen]], self._driving[chosen]
        pictures = [(part.permute(0, 3, 1, 2).float() / 255 * gain).clamp(0, 1) for part in bytes_]
        flow, occlusion = self._flow[chosen].float(), self._occlusion[chosen].float()
        parts = [torch.where(mirrored, part.flip(3), part) for part in (*pictures, flow, occlusion)]
        sign = torch.tensor((-1.0, 1.0), device=self._device)[:, None, None]
        reference, driving, flow, occlusion = parts
        return RecordedBatch(
            reference.contiguous(memory_format=torch.channels_last),
            driving,
            torch.where(mirrored, flow * sign, flow),
            occlusion,
        )

    def place(self) -> tuple[int, int]:
        """Top and left of a random crop."""
        size = self._driving.shape[1]
        if self._random.random() >= _MIDDLE_SHARE:
            return place(size, self._random)
        top, left = place(size - CROP // 2, self._random)
        return top + CROP // 4, left + CROP // 4


def generator_loss(
    model: FaceModel, batch: RecordedBatch, perceptual: SqueezeDistance | None, *, at: tuple[int, int]
) -> Tensor:
    """How far the crops at top and left are from what was to be shown, and the refined field from what moved."""
    flow, occlusion = model.flow_refinement(batch.reference, batch.flow, batch.occlusion)
    warped = model.generator.warped(
        batch.reference, features=model.appearance(batch.reference), flow=flow, occlusion=occlusion
    )
    size = batch.reference.shape[-1]
    picture = model.generator.generate(*(_cut(part, at, size) for part in warped))
    loss = likeness_loss(picture, _cut(batch.driving, at, size), perceptual) + _choice_loss(flow, batch)
    return loss + _WARP_WEIGHT * (warped[0].float() - batch.driving).abs().mean()


def _choice_loss(flow: Tensor, batch: RecordedBatch) -> Tensor:
    """Distance of a field to the measured one, where that warps better: a warp's own gradient sees a pixel far."""
    measured = resize(measure_flow(batch.reference, batch.driving, start=batch.flow), FLOW_SIZE)
    small = [resize(picture, FLOW_SIZE) for picture in (batch.reference, batch.driving)]
    errors = [(warp(small[0], field) - small[1]).abs().mean(1, keepdim=True) for field in (measured, batch.flow)]
    distance = (((flow - measured) * _CHOICE_PIXELS).square().sum(1, keepdim=True) + 0.01).sqrt()
    return _CHOICE_WEIGHT * (distance * (errors[0] <= errors[1])).mean()


def _cut(part: Tensor, at: tuple[int, int], size: int) -> Tensor:
    """The crop of a picture of a size, or of what has its place at a part of that size."""
    factor = size // part.shape[-1]
    assert factor <= CROP_STEP
    top, left, side = at[0] // factor, at[1] // factor, CROP // factor
    return part[..., top : top + side, left : left + side]


@torch.no_grad()
def _restored(restoration: Restoration, pictures: np.ndarray, crf: np.ndarray, device: torch.device) -> Tensor:
    """Decoded references uint8 (R, S, S, 3) -> restored ones, as the decoder holds them."""
    done = []
    for start in range(0, len(pictures), _CHUNK):
        part = torch.from_numpy(pictures[start : start + _CHUNK]).to(device).permute(0, 3, 1, 2).float() / 255
        quality = torch.from_numpy(crf[start : start + _CHUNK]).to(device).float()
        with mixed_precision(device):
            done.append((restoration(part, quality) * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1))
    return torch.cat(done)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = ("references", "crf", "driving", "reference", "flow", "occlusion")
            return {name: archive[name] for name in names}
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise MediaError(f"{path} is no recording: {error}") from error
