"""Training, restoration: coded references -> what they looked like before, on crops.

References cost most of what a viewer sees of coding, and are shown for a second each, so the network that cleans them
has a stage of its own. Stills take a large part: their faces are many, and no motion is needed.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from codec.networks import Restoration
from codec.training.data.augment import colour_gain
from codec.training.data.dataset import Clip, Dataset, to_tensor
from codec.training.data.pairs import clip_weights, coded_clips
from codec.training.stages.losses import SqueezeDistance, picture_loss

CROP = 128
CROP_STEP = 8  # what the networks halve to 1
PERCEPTUAL_WEIGHT = 2.0
COLOUR = 0.15
_STILLS_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class CodedCrops:
    """The same crops coded and clean (B, 3, C, C) in [0, 1], and the quality index (B,) of each."""

    coded: Tensor
    clean: Tensor
    crf: Tensor


class CodedPictures:
    """Random crops of coded references beside the clean frames, half of them mirrored."""

    def __init__(self, dataset: Dataset, *, seed: int, device: torch.device) -> None:
        self._clips, self._stills = coded_clips(dataset)
        self._weights = clip_weights(self._clips)
        self._random = np.random.default_rng(seed)
        self._device = device

    def batch(self, count: int) -> CodedCrops:
        stills = round(_STILLS_SHARE * count) if self._stills else 0
        clips = [self._clips[n] for n in self._random.choice(len(self._clips), count - stills, p=self._weights)]
        clips += [self._stills[n] for n in self._random.integers(0, max(1, len(self._stills)), stills)]
        rows = [self._crop(clip) for clip in clips]
        pictures = torch.cat([to_tensor(part) for part in list(zip(*rows, strict=True))[:2]], 1)
        mirrored = torch.from_numpy(self._random.random(count) < 0.5).to(self._device)[:, None, None, None]
        pictures = torch.where(mirrored, pictures.flip(3), pictures)
        gain = colour_gain(count, width=COLOUR, random=self._random, device=self._device)
        parts = [(pictures[:, start : start + 3] * gain).clamp(0, 1) for start in (0, 3)]
        coded, clean = (part.contiguous(memory_format=torch.channels_last) for part in parts)
        return CodedCrops(coded, clean, torch.tensor([float(crf) for *_, crf in rows], device=self._device))

    def _crop(self, clip: Clip) -> tuple[Tensor, Tensor, int]:
        number = int(self._random.choice(list(clip.references)))
        reference, clean = clip.references[number], clip.frames[number]
        top, left = place(reference.picture.shape[0], self._random)
        cut = slice(top, top + CROP), slice(left, left + CROP)
        return reference.picture[cut], clean[cut], reference.crf


def place(size: int, random: np.random.Generator) -> tuple[int, int]:
    """Top and left of a random crop in a picture of a size, on the networks' grid."""
    top, left = (int(value) * CROP_STEP for value in random.integers(0, (size - CROP) // CROP_STEP + 1, 2))
    return top, left


def restoration_loss(network: Restoration, crops: CodedCrops, perceptual: SqueezeDistance | None) -> Tensor:
    """How far the restored crops are from the clean ones."""
    return likeness_loss(network(crops.coded, crops.crf), crops.clean, perceptual)


def likeness_loss(picture: Tensor, target: Tensor, perceptual: SqueezeDistance | None) -> Tensor:
    """Distance of pictures, and perceptual distance where its network is given."""
    loss = 10 * picture_loss(picture, target)
    return loss if perceptual is None else loss + PERCEPTUAL_WEIGHT * perceptual(picture, target)
