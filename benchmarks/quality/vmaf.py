"""Stage 10, display (as judged): VMAF, the opinion that viewers at a television would have, by a model fitted to it.

Li et al., "Toward a Practical Perceptual Video Quality Metric", Netflix 2016, model v0.6.1, by the vmaf-torch package,
which carries the model in its code: detail that is lost (VIF, four scales), detail that is lost or put in (ADM), and
how the original moves, on luma (BT.601, 16 to 235). 0 to 100. It was fitted to 1080p at three screen heights.
"""

from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from vmaf_torch import VMAF

from benchmarks.clips.clip import Pictures

BATCH = 16


@cache
def _model() -> VMAF:
    return VMAF(clip_score=True)


def _luma(pictures: Pictures) -> torch.Tensor:
    """# (B, S, S, 3) -> (B, 1, S, S), 16..235"""
    planes = [cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)[: len(picture)] for picture in pictures]
    return torch.from_numpy(np.stack(planes)[:, None]).float()


def _motion(original: Pictures) -> torch.Tensor:
    """How far each picture is from its nearer neighbour, blurred; 0 for the first. # (T, S, S, 3) -> (T, 1)"""
    steps = [torch.zeros(1, 1)]
    for start in range(1, len(original), BATCH):  # each batch with the picture before it, which itself is not counted
        steps.append(_model().compute_motion(_luma(original[start - 1 : start + BATCH]))[1:])
    from_before = torch.cat(steps)
    motion = torch.minimum(from_before, torch.cat([from_before[1:], from_before[-1:]]))
    motion[0] = 0
    return motion


@torch.inference_mode()
def vmaf_of_some(original: Pictures, decoded: Pictures, *, every: int) -> NDArray[np.float64]:
    """VMAF of every `every`-th picture, motion seen between all. # (T, S, S, 3) uint8 twice -> (ceil(T / every),)"""
    model, motion = _model(), _motion(original)[::every]
    scores = []
    some, some_decoded = original[::every], decoded[::every]
    for start in range(0, len(some), BATCH):
        batch = slice(start, start + BATCH)
        truth, picture = _luma(some[batch]), _luma(some_decoded[batch])
        features = model.compute_adm_score(truth, picture), motion[batch], model.compute_vif_features(truth, picture)
        scores.append(model.predict(*features))
    return np.asarray(torch.cat(scores)[:, 0].numpy(), np.float64)
