"""Stage 10, display (as judged): how far decoded pictures are from the originals.

PSNR is the mean over all frames of each frame's PSNR over all RGB samples, an exact frame counting as 100 dB. SSIM
(Wang et al. 2004; 11x11 Gaussian window, sigma 1.5) and MS-SSIM (Wang et al. 2003; five scales) are pytorch-msssim's,
on RGB. LPIPS is in `lpips.py`, VMAF in `vmaf.py`. These four are fifty times slower than PSNR, so they are means over
every `every`-th frame; 3 has no factor in common with bundles of 4 frames and references each second. So is identity;
landmark error is a mean over all frames, as is XPSNR (`xpsnr.py`). The two of the face are in `faces.py`, as is what
else is measured of it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_msssim import ms_ssim, ssim

from benchmarks.clips.clip import Pictures
from benchmarks.quality.face_frames import FaceFrames, mean_of_known
from benchmarks.quality.lpips import Lpips
from benchmarks.quality.vmaf import vmaf_of_some
from benchmarks.quality.xpsnr import has_xpsnr, xpsnr_of_each
from codec.pictures.psnr import psnr_db

BATCH = 16
EVERY = 3
MS_SSIM_LEAST_SIDE = 161  # (11 - 1) * 2**4 + 1: the window at the coarsest scale


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over a clip's frames. None where their networks were not named, and XPSNR where FFmpeg lacks its filter."""

    psnr_db: float
    ssim: float
    ms_ssim: float
    lpips: float | None
    identity: float | None = None
    landmark_percent: float | None = None
    without_face: float | None = None  # frames left out of the two before, a number for each clip
    xpsnr_db: float | None = None
    vmaf: float | None = None


def psnr_of_each(original: Pictures, decoded: Pictures) -> NDArray[np.float64]:
    """PSNR in dB of each picture. # (T, S, S, 3) uint8 twice -> (T,)"""
    return np.array([psnr_db(image, truth) for truth, image in zip(original, decoded, strict=True)])


def as_tensor(pictures: Pictures) -> torch.Tensor:
    """As the networks of metrics take them. # (B, S, S, 3) -> (B, 3, S, S), 0..255"""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()


@torch.inference_mode()
def measure(
    original: Pictures,
    decoded: Pictures,
    *,
    lpips: Lpips | None = None,
    faces: FaceFrames | None = None,
    every: int = EVERY,
) -> Quality:
    """All metrics of one decoded clip; `faces` is what was measured of its face. # (T, S, S, 3) uint8 twice

    Pictures have a side of at least 161.
    """
    sums = np.zeros(3)
    some, some_decoded = original[::every], decoded[::every]
    for start in range(0, len(some), BATCH):
        a, b = as_tensor(some[start : start + BATCH]), as_tensor(some_decoded[start : start + BATCH])
        sums[0] += float(ssim(a, b, data_range=255, size_average=False).sum())
        sums[1] += float(ms_ssim(a, b, data_range=255, size_average=False).sum())
        if lpips is not None:
            sums[2] += float(lpips(a, b).sum())
    mean_ssim, mean_ms_ssim, mean_lpips = (float(value) for value in sums / len(some))
    return Quality(
        psnr_db=float(psnr_of_each(original, decoded).mean()),
        ssim=mean_ssim,
        ms_ssim=mean_ms_ssim,
        lpips=None if lpips is None else mean_lpips,
        identity=None if faces is None else mean_of_known(faces.identity),
        landmark_percent=None if faces is None else mean_of_known(faces.landmark_percent),
        without_face=None if faces is None else faces.without_face,
        xpsnr_db=float(xpsnr_of_each(original, decoded).mean()) if has_xpsnr() else None,
        vmaf=float(vmaf_of_some(original, decoded, every=every).mean()),
    )
