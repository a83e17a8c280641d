"""Training, step 1: the motion extractor on landmark labels alone.

Reference and driving frame of a clip are augmented by two different similarity transforms; the driving keypoints must
come out right when the reference's canonical keypoints are moved by the driving frame's motion, as in a call.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from codec.motion import FREE_POINTS
from codec.networks.layers import full_precision, pixel_grid
from codec.networks.motion_extractor import INPUT_SIZE, MotionExtractor
from codec.training.dataset import Dataset, to_tensor

_LABELLED = -FREE_POINTS


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """Augmented pictures (B, 3, 128, 128) with their motion (B, N), canonical (B, K, 3) and points (B, 24, 3)."""

    pictures: Tensor
    motion: Tensor
    canonical: Tensor
    points: Tensor


class LabelledFrames:
    """Random batches of labelled frames, two of the same clip side by side (2i, 2i + 1)."""

    def __init__(self, dataset: Dataset, *, seed: int, device: torch.device) -> None:
        assert dataset.labels is not None
        self._labels = dataset.labels
        self._clips = [dataset.clips[index] for index in dataset.labelled_clips]
        counts = np.array([int(clip.labelled.sum()) for clip in self._clips], np.float64)
        self._weights = np.sqrt(counts) / np.sqrt(counts).sum()
        self._random = np.random.default_rng(seed)
        self._device = device

    def batch(self, pairs: int) -> LabelledBatch:
        pictures, motions, canonicals, points = [], [], [], []
        for number in self._random.choice(len(self._clips), pairs, p=self._weights):
            clip = self._clips[number]
            chosen = self._random.choice(np.flatnonzero(clip.labelled), 2)
            for frame in chosen:
                index = clip.indices[frame]
                assert clip.file.labels is not None
                pictures.append(clip.frames[frame])
                motions.append(self._labels.motions[number][index])
                canonicals.append(self._labels.canonicals[number])
                points.append(clip.file.labels.points[index])
        stacked = [torch.from_numpy(np.stack(part)).to(self._device) for part in (motions, canonicals, points)]
        return augment(to_tensor(pictures, device=self._device), *stacked, random=self._random)


def augment(
    pictures: Tensor, motion: Tensor, canonical: Tensor, points: Tensor, *, random: np.random.Generator
) -> LabelledBatch:
    """One random similarity transform and colour change a picture, applied to the labels as well."""
    count, device = len(pictures), pictures.device

    def spread(width: float) -> Tensor:
        return torch.from_numpy(random.uniform(-width, width, count).astype(np.float32)).to(device)

    angle, zoom, shift = spread(0.3), spread(0.25).exp(), torch.stack((spread(0.2), spread(0.2)), -1)
    cosine, sine = angle.cos(), angle.sin()
    rotation = torch.stack((cosine, sine, -sine, cosine), -1).view(-1, 2, 2)  # row vectors, as in motion.py
    # out(x) = in(T^-1 x) with T(x) = zoom x rotation + shift
    grid = pixel_grid(INPUT_SIZE, device=device).expand(count, -1, -1, -1) - shift[:, None, None]
    grid = torch.einsum("bhwi,bij->bhwj", grid, rotation.transpose(1, 2)) / zoom[:, None, None, None]
    halved = functional.avg_pool2d(pictures, pictures.shape[-1] // INPUT_SIZE)
    warped = functional.grid_sample(halved, grid, padding_mode="border", align_corners=False)
    gain = 1 + torch.stack((spread(0.2), spread(0.2), spread(0.2)), -1)[:, :, None, None] * 0.5
    light, contrast = spread(0.15)[:, None, None, None], spread(0.25).exp()[:, None, None, None]
    warped = (((warped * gain - 0.5) * contrast) + 0.5 + light).clamp(0, 1)
    moved = motion.clone()
    moved[:, 2] += angle
    moved[:, 3] += zoom.log()
    moved[:, 4:6] = zoom[:, None] * torch.einsum("bi,bij->bj", motion[:, 4:6], rotation) + shift
    placed = points.clone()
    placed[..., :2] = zoom[:, None, None] * torch.einsum("bki,bij->bkj", points[..., :2], rotation) + shift[:, None]
    placed[..., 2] *= zoom[:, None]
    return LabelledBatch(warped, moved, canonical, placed)


def extractor_loss(extractor: MotionExtractor, batch: LabelledBatch) -> tuple[Tensor, float]:
    """Keypoint, parameter and canonical losses; also the mean keypoint error in pixels of a 256x256 picture."""
    canonical, motion = extractor(batch.pictures)
    swapped = canonical.view(-1, 2, *canonical.shape[1:]).flip(1).reshape(canonical.shape)  # the other frame's
    error = torch.zeros((), device=motion.device)
    pixels = 0.0
    for shape in (batch.canonical, swapped):
        with full_precision(motion):
            points = extractor.keypoints(motion, shape)[:, :_LABELLED]
        difference = (points - batch.points)[..., :2].abs()
        depth = points[..., 2] - batch.points[..., 2]
        depth = depth - depth.mean(1, keepdim=True)  # only depth relative to the head's own matters
        error = error + difference.mean() + 0.2 * depth.abs().mean()
        pixels = float(difference.detach().mean()) * 128
    scale = torch.ones(motion.shape[1], device=motion.device)
    scale[:6] = 4.0  # radians and picture halves against unit-variance expression numbers
    parameters = ((motion - batch.motion) * scale).abs()[:, : -2 * (FREE_POINTS - 1)].mean()
    identity = (canonical - batch.canonical)[:, :_LABELLED].abs().mean()
    return 10 * error + 0.3 * parameters + 2 * identity, pixels
