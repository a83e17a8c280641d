"""Training, validation: how good the networks are on people they never saw, in decibels, LPIPS and bits.

Scores come from fixed pairs of held-out frames, references as coded: with keypoints alone, and with the motion residual
at the default qp as the encoder would send it. LPIPS is the SqueezeNet variant where its files are given.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from codec.bits.quantizer import step_scale
from codec.bits.symbols import CodingTables
from codec.config import CodecConfig
from codec.motion.residual import DIAGONALS
from codec.networks import FaceModel
from codec.training.data.dataset import Dataset
from codec.training.stages.joint import Codec, JointBatch, JointBatches, Shown, mean_psnr
from codec.training.stages.losses import SqueezeDistance
from codec.training.stages.rate_loss import MotionRate, laplace_bits

_PAIRS = 48
_CHUNK = 8
_PICTURES = ("freeze", "base", "generated", "full")
_FIGURES = ("coded_reference_psnr_db", "restored_psnr_db", *(f"{name}_psnr_db" for name in _PICTURES), "residual_bits")
_LPIPS_FIGURES = ("restored_lpips", "freeze_lpips", "generated_lpips", "full_lpips")
_LPIPS_DB = 25.0  # what LPIPS is worth in the one number that picks the best weights: .04 of it a decibel


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over held-out pairs. `coded_reference` and `restored` are references against their clean pictures.

    `freeze` shows the coded reference as it is, `base` the plain base-layer warp of the restored one, `generated` is
    the picture from keypoints alone, `full` the one with the motion residual; the bits are those of one frame's
    residual. `score` says it in one number.
    """

    coded_reference_psnr_db: float
    restored_psnr_db: float
    freeze_psnr_db: float
    base_psnr_db: float
    generated_psnr_db: float
    full_psnr_db: float
    residual_bits: float
    motion_bits: float
    restored_lpips: float | None
    freeze_lpips: float | None
    generated_lpips: float | None
    full_lpips: float | None

    @property
    def score(self) -> float:
        """The mean of `generated` and `full` in decibels, less what LPIPS takes."""
        lpips = [value for value in (self.generated_lpips, self.full_lpips) if value is not None]
        return (self.generated_psnr_db + self.full_psnr_db) / 2 - _LPIPS_DB * float(np.mean(lpips or [0.0]))


class Validation:
    """Fixed held-out pairs."""

    def __init__(
        self, dataset: Dataset, tables: CodingTables, *, device: torch.device, perceptual: SqueezeDistance | None
    ) -> None:
        batches = JointBatches(dataset, seed=8, device=device, augmented=False)
        self._batches = [batches.batch(_CHUNK) for _ in range(_PAIRS // _CHUNK)]
        self._tables = tables
        self._perceptual = perceptual
        self._scale = torch.full((_CHUNK,), step_scale(CodecConfig().qp), device=device)

    @torch.no_grad()
    def score(self, model: FaceModel) -> Scores:
        """Scores of the networks as they are."""
        codec = Codec(model, self._tables).to(self._scale.device)
        rows, differences = [], []
        for batch in self._batches:
            alone, full = self._show(codec, batch, residual=False), self._show(codec, batch, residual=True)
            restored = alone.reference.clamp(0, 1)
            pictures = (batch.reference, alone.warped, alone.picture.clamp(0, 1), full.picture.clamp(0, 1))
            row = [mean_psnr(reference, batch.clean) for reference in (batch.reference, restored)]
            row += [mean_psnr(picture, batch.driving) for picture in pictures]
            row.append(_residual_bits(full.symbols))
            if self._perceptual is not None:
                row.append(self._perceptual(restored, batch.clean))
                row += [self._perceptual(pictures[index], batch.driving) for index in (0, 2, 3)]
            rows.append(torch.stack(row))
            _, previous = model.motion_extractor(batch.previous)
            differences.append((alone.motion - previous) / (codec.steps * self._scale[:, None]))
        means = iter(torch.stack(rows).mean(0).tolist())
        figures: dict[str, Any] = {name: next(means, None) for name in (*_FIGURES, *_LPIPS_FIGURES)}
        return Scores(**figures, motion_bits=_motion_bits(torch.cat(differences)))

    @torch.no_grad()
    def write_grid(self, model: FaceModel, path: Path) -> None:
        """Rows of coded reference | restored | driving | base layer's warp | keypoints alone | with the residual."""
        batch, codec = self._batches[0], Codec(model, self._tables).to(self._scale.device)
        alone, full = self._show(codec, batch, residual=False), self._show(codec, batch, residual=True)
        parts = (batch.reference, alone.reference, batch.driving, alone.warped, alone.picture, full.picture)
        columns = [torch.cat(list(part), 1) for part in parts]
        picture = (torch.cat(columns, 2).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        cv2.imwrite(str(path), cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))

    def _show(self, codec: Codec, batch: JointBatch, *, residual: bool) -> Shown:
        diagonals = torch.full_like(self._scale, DIAGONALS if residual else 0)
        shown: Shown = codec(batch, scale=self._scale, diagonals=diagonals, noise=False)
        return shown


def _residual_bits(symbols: Tensor) -> Tensor:
    """Mean bits a frame, by one Laplacian for each coefficient."""
    flat = symbols.flatten(1)
    return laplace_bits(flat, flat.abs().mean(0) + 0.02).sum(1).mean()


def _motion_bits(difference: Tensor) -> float:
    """Mean bits a frame of differences (B, N), by the widths of these very differences."""
    rate = MotionRate().to(difference.device).eval()
    rounded = difference.round()
    rate.spread.copy_(rounded.abs().mean(0))
    return float(rate(rounded).mean())


def plot(log: list[dict[str, Any]], path: Path) -> None:
    """Loss and held-out scores over minutes, and the score over samples. Nothing where there is no matplotlib."""
    if find_spec("matplotlib") is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 4, figsize=(20, 4))
    minutes = [row["minutes"] for row in log]
    axes[0].plot(minutes, [row["loss"] for row in log])
    axes[0].set(title="training loss (its scale changes with the stage)", xlabel="minutes", yscale="log")
    for name in ("restored_psnr_db", "freeze_psnr_db", "base_psnr_db", "generated_psnr_db", "full_psnr_db"):
        axes[1].plot(minutes, [row[name] for row in log], label=name.removesuffix("_psnr_db"))
    axes[1].set(title="held-out pairs", xlabel="minutes", ylabel="PSNR, dB")
    axes[2].plot([sum(row["samples"].values()) for row in log], [row["score"] for row in log], marker=".")
    axes[2].set(title="score (PSNR less LPIPS) of the averaged weights", xlabel="samples", ylabel="dB")
    axes[3].plot(minutes, [row["motion_bits"] for row in log], label="motion")
    axes[3].plot(minutes, [row["residual_bits"] for row in log], label="residual")
    axes[3].set(title="bits a frame, held-out pairs", xlabel="minutes")
    for axis in (axes[1], axes[3]):
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
