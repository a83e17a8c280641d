"""Training, validation: how good the networks are on people they never saw, in decibels, LPIPS and bits.

Picture scores come from fixed pairs of held-out frames, references as coded; the codec's own score, PSNR against kbps,
from running the real encoder over the first held-out clips. LPIPS is the SqueezeNet variant where its files are given.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from codec.config import CodecConfig
from codec.encoder import Encoder
from codec.networks import FaceModel
from codec.networks.layers import warp
from codec.training.coded import code_references
from codec.training.dataset import Bytes, Dataset, read_frames
from codec.training.joint import JointBatch, JointBatches
from codec.training.losses import SqueezeDistance

_PAIRS = 48
_CHUNK = 8
_CAP_DB = 50.0  # of a pair's PSNR: two equal frames say nothing
_FPS = 25


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over held-out pairs. `freeze` shows the coded reference as it is, `base` its plain base-layer warp."""

    freeze_psnr_db: float
    base_psnr_db: float
    generated_psnr_db: float
    freeze_lpips: float | None
    generated_lpips: float | None


class Validation:
    """Fixed held-out pairs."""

    def __init__(self, dataset: Dataset, *, device: torch.device, perceptual: SqueezeDistance | None) -> None:
        references = code_references(dataset, per_clip=3, seed=7)
        batches = JointBatches(dataset, references, seed=8, device=device)
        self._batches = [batches.batch(_CHUNK) for _ in range(_PAIRS // _CHUNK)]
        self._perceptual = perceptual

    @torch.no_grad()
    def score(self, model: FaceModel) -> Scores:
        """The base layer's and the generator's scores, without any residual."""
        rows = []
        for batch in self._batches:
            base, generated = base_layer(model, batch)
            row = [_psnr(picture, batch.driving) for picture in (batch.reference, base, generated)]
            if self._perceptual is not None:
                row += [float(self._perceptual(p, batch.driving)) for p in (batch.reference, generated)]
            rows.append(row)
        means = [float(value) for value in np.mean(rows, 0)]
        return Scores(means[0], means[1], means[2], *(means[3:] or (None, None)))

    @torch.no_grad()
    def write_grid(self, model: FaceModel, path: Path) -> None:
        """Rows of reference | driving | base layer | generated."""
        batch = self._batches[0]
        base, generated = base_layer(model, batch)
        columns = [torch.cat(list(part), 1) for part in (batch.reference, batch.driving, base, generated)]
        picture = (torch.cat(columns, 2).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        cv2.imwrite(str(path), cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))


def base_layer(model: FaceModel, batch: JointBatch) -> tuple[Tensor, Tensor]:
    """The plain warp and the generator's picture from keypoints alone."""
    canonical, reference_motion = model.motion_extractor(batch.clean)
    _, driving_motion = model.motion_extractor(batch.driving)
    flow, occlusion = model.base_flow(
        batch.reference, canonical=canonical, reference_motion=reference_motion, driving_motion=driving_motion
    )
    features = model.appearance(batch.reference)
    generated = model.generator(batch.reference, features=features, flow=flow, occlusion=occlusion)
    return warp(batch.reference, flow), generated.clamp(0, 1)


def closed_loop(weights: str, dataset: Dataset, *, clips: int, frames: int) -> dict[str, float]:
    """kbps and PSNR of the real encoder at its defaults over the first clips."""
    bits, psnr_db, seconds = 0, [], 0.0
    for clip in dataset.clips[:clips]:
        encoder = Encoder(CodecConfig(weights=weights))
        pictures: list[Bytes] = read_frames(clip.file.path, size=256, limit=frames)
        for index, picture in enumerate(pictures):
            bits += 8 * len(bytes(encoder.encode(picture, pts=index * 90_000 // _FPS)))
            psnr_db.append(encoder.report.psnr_db)
        seconds += len(pictures) / _FPS
    return {"coded_kbps": bits / seconds / 1000, "coded_psnr_db": float(np.mean(psnr_db))}


def plot(log: list[dict[str, object]], path: Path) -> None:
    """Loss and held-out scores over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(16, 4))
    minutes = [row["minutes"] for row in log]
    axes[0].plot(minutes, [row["loss"] for row in log])
    axes[0].set(title="training loss (its scale changes with the stage)", xlabel="minutes", yscale="log")
    for name in ("freeze_psnr_db", "base_psnr_db", "generated_psnr_db"):
        axes[1].plot(minutes, [row[name] for row in log], label=name.removesuffix("_psnr_db"))
    axes[1].set(title="held-out pairs, no residual", xlabel="minutes", ylabel="PSNR, dB")
    axes[1].legend()
    axes[2].plot(minutes, [row.get("coded_kbps") for row in log], label="kbps")
    axes[2].plot(minutes, [row.get("coded_psnr_db") for row in log], label="PSNR, dB")
    axes[2].set(title="held-out clips, as the codec codes them", xlabel="minutes")
    axes[2].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _psnr(picture: Tensor, target: Tensor) -> float:
    error = (picture.float() - target).square().mean((1, 2, 3))
    return float((-10 * torch.log10(error + 1e-10)).clamp(max=_CAP_DB).mean())


def read_dataset_frames(dataset: Dataset, *, clips: int, frames: int) -> list[list[Bytes]]:
    """Consecutive frames of evenly chosen clips, for counting symbols."""
    chosen = dataset.clips[:: max(1, len(dataset.clips) // clips)]
    return [read_frames(clip.file.path, size=256, limit=frames) for clip in chosen]
