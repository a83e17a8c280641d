"""Training, step 1: the motion extractor on landmark labels alone.

Reference and driving frame of a clip are augmented by two different similarity transforms, both mirrored or not; the
driving keypoints must come out right when the reference's canonical keypoints are moved by the driving frame's motion,
as in a call.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from codec.motion.parameters import FREE_POINTS
from codec.networks.layers import full_precision
from codec.networks.motion_extractor import INPUT_SIZE, MotionExtractor
from codec.training.data.augment import Mirror, Similarity, Widths, colour_gain
from codec.training.data.dataset import Dataset, to_tensor

_WIDTHS = Widths(turn=0.3, zoom=0.25, shift=0.2, share=1.0)
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
        self._mirror = Mirror.of(self._labels.mean_shape, self._labels.basis, device=device)

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
        return augment(to_tensor(pictures), *stacked, mirror=self._mirror, random=self._random)


def augment(
    pictures: Tensor,
    motion: Tensor,
    canonical: Tensor,
    points: Tensor,
    *,
    mirror: Mirror,
    random: np.random.Generator,
) -> LabelledBatch:
    """One random similarity transform and colour change a picture, applied to the labels as well.

    The two pictures of a clip are mirrored alike: each must fit the other's canonical keypoints.
    """
    count, device = len(pictures), pictures.device
    change = Similarity.draw(count, _WIDTHS, random=random, device=device)
    change = replace(change, mirrored=change.mirrored[::2].repeat_interleave(2))
    warped = change.pictures(functional.avg_pool2d(pictures, pictures.shape[-1] // INPUT_SIZE))
    numbers = random.uniform(-1, 1, (count, 2)) * (0.15, 0.25)
    light, contrast = torch.from_numpy(numbers.astype(np.float32)).to(device)[..., None, None].unbind(1)
    warped = warped * colour_gain(count, width=0.1, random=random, device=device)
    warped = ((warped - 0.5) * contrast[:, None].exp() + 0.5 + light[:, None]).clamp(0, 1)
    moved, shape = change.motion(motion, mirror), change.canonical(canonical, mirror)
    return LabelledBatch(warped, moved, shape, change.points(points))


def extractor_loss(extractor: MotionExtractor, batch: LabelledBatch) -> tuple[Tensor, Tensor]:
    """Keypoint, parameter and canonical losses; also the mean keypoint error in pixels of a 256x256 picture."""
    canonical, motion = extractor(batch.pictures)
    swapped = canonical.view(-1, 2, *canonical.shape[1:]).flip(1).reshape(canonical.shape)  # the other frame's
    error = torch.zeros((), device=motion.device)
    pixels = torch.zeros_like(error)
    for shape in (batch.canonical, swapped):
        with full_precision(motion):
            points = extractor.keypoints(motion, shape)[:, :_LABELLED]
        difference = (points - batch.points)[..., :2].abs()
        depth = points[..., 2] - batch.points[..., 2]
        depth = depth - depth.mean(1, keepdim=True)  # only depth relative to the head's own matters
        error = error + difference.mean() + 0.2 * depth.abs().mean()
        pixels = difference.detach().mean() * 128
    scale = torch.ones(motion.shape[1], device=motion.device)
    scale[:6] = 4.0  # radians and picture halves against unit-variance expression numbers
    parameters = ((motion - batch.motion) * scale).abs()[:, : -2 * (FREE_POINTS - 1)].mean()
    identity = (canonical - batch.canonical)[:, :_LABELLED].abs().mean()
    return 10 * error + 0.3 * parameters + 2 * identity, pixels
