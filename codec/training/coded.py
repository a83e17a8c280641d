"""Training, coded references: pictures as the codec will really have coded them.

A network trained on clean references, or on another coder's artefacts, does not help on the bench (measured: +0.05 dB
and worse LPIPS with WebP). So a few frames of each clip go through the codec's own reference coder, intra first and the
later ones against it, each clip at its own quality.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from codec.reference import ReferenceEncoder
from codec.training.dataset import Bytes, Dataset

_QUALITY = (44, 62)  # AV1 crf, from qp 20 to the end of the scale


@dataclass(frozen=True, slots=True)
class CodedClipReferences:
    """Frame index -> the picture as coded."""

    pictures: dict[int, Bytes]


def code_references(
    dataset: Dataset, *, per_clip: int, seed: int, tick: Callable[[], None] = lambda: None
) -> list[CodedClipReferences]:
    """Up to `per_clip` coded references of every clip, in the order of the clips."""
    random = np.random.default_rng(seed)
    coded = []
    for clip in dataset.clips:
        size = clip.frames.shape[1]
        encoder = ReferenceEncoder(size=size, crf=int(random.integers(*_QUALITY)))
        count = min(per_clip, len(clip.frames))
        chosen = np.sort(random.choice(len(clip.frames), count, replace=False))
        pictures: dict[int, Bytes] = {}
        for position, frame in enumerate(chosen):
            encoder.encode(clip.frames[frame], intra=position == 0)
            pictures[int(frame)] = encoder.reconstruction.copy()
        coded.append(CodedClipReferences(pictures))
        tick()
    return coded
