"""Stage 10, display (as judged): VMAF is the package's own, picture by picture, whatever the batches."""

import cv2
import numpy as np
import pytest
import torch
from vmaf_torch import VMAF

from benchmarks.clips.clip import Clip, Pictures, load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.quality.metrics import measure
from benchmarks.quality.vmaf import BATCH, vmaf_of_some


@pytest.fixture(scope="module")
def moving() -> Clip:
    return load_clip(SAMPLE, size=256, seconds=0.8)


def blurred(pictures: Pictures, sigma: float) -> Pictures:
    return np.stack([cv2.GaussianBlur(picture, (0, 0), sigma) for picture in pictures]).astype(np.uint8)


def luma(pictures: Pictures) -> torch.Tensor:
    """BT.601 in 16 to 235, by its formula."""
    return torch.from_numpy((16 + pictures @ (np.array([65.481, 128.553, 24.966]) / 255)).round()[:, None]).float()


def test_it_is_what_the_package_says_of_the_whole_clip(moving: Clip) -> None:
    assert len(moving.pictures) > BATCH
    decoded = blurred(moving.pictures, 1.0)
    with torch.inference_mode():
        whole = VMAF(clip_score=True)(luma(moving.pictures), luma(decoded))[:, 0].numpy()
    assert vmaf_of_some(moving.pictures, decoded, every=1) == pytest.approx(whole, abs=0.3)  # luma is rounded twice
    assert vmaf_of_some(moving.pictures, decoded, every=3) == pytest.approx(
        vmaf_of_some(moving.pictures, decoded, every=1)[::3], abs=1e-3
    )


def test_the_worse_a_picture_the_less_it_has(moving: Clip) -> None:
    means = [
        float(vmaf_of_some(moving.pictures, pictures, every=5).mean())
        for pictures in (moving.pictures, *(blurred(moving.pictures, sigma) for sigma in (0.7, 1.5, 4.0)))
    ]
    assert means[0] > 93
    assert means == sorted(means, reverse=True)
    assert means[3] < 30


def test_it_is_measured_with_the_others(moving: Clip) -> None:
    decoded = blurred(moving.pictures, 1.0)
    assert measure(moving.pictures, decoded, every=4).vmaf == pytest.approx(
        vmaf_of_some(moving.pictures, decoded, every=4).mean()
    )
