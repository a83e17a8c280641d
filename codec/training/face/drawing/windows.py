"""Training, windows: the generators of mouth and eye.

They learn by pixels, by a perceptual distance, by where lips and lids are found again in what they draw and, late, by
an adversary. Blinks and opened mouths are rare, so they are shown more often.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.motion.face_windows import EYE, MOUTH
from codec.motion.landmarks import EYE_APERTURES, MOUTH_APERTURE
from codec.networks.layers import mixed_precision
from codec.networks.window_generator import CANDIDATES, blend
from codec.training.face.drawing.window_data import WindowSamples
from codec.training.face.loop import share_gradients
from codec.training.stages.losses import SqueezeDistance
from codec.units import Array

__all__ = ["WINDOW_BATCHES", "Adversary", "WindowLesson"]

WINDOW_BATCHES = {"mouth": 32, "eye": 64}
_CPU = torch.device("cpu")
_PICTURES = 3 * CANDIDATES
_PERCEPTUAL, _GRADIENT = 2.0, 0.5
_POINTS, _APERTURE = 2.0, 3.0  # of half a window
_SHAKE = 2  # pixels
_RAREST = 5.0  # times as often as the most usual shape
_ADVERSE_FROM, _ADVERSE_RAMP = 0.7, 0.06  # of the time
_ADVERSE, _FEATURES = 0.015, 0.05
_SWAPPED = 0.15
# Of what is drawn, and of what is underneath.
_FIGURES = (("psnr_db", "lpips", "points_percent"), ("under_db", "under_lpips", "under_points_percent"))
_SHAPE_PLANE = {"mouth": 10, "eye": 9}  # of the inputs: the target's inner lips, its lids
# Where the two points that open and close stand among a window's.
_OPENING = {
    "mouth": tuple(MOUTH.shape.index(point) for point in MOUTH_APERTURE),
    "eye": tuple(EYE[0].shape.index(point) for point in EYE_APERTURES[0]),
}


class Adversary(nn.Module):
    """Tells windows from drawn ones, patch by patch (Isola et al., CVPR 2017), shown the target's outlines too."""

    def __init__(self) -> None:
        super().__init__()
        normal = nn.utils.parametrizations.spectral_norm
        self.layers = nn.ModuleList(
            [
                normal(nn.Conv2d(6, 32, 4, 2, 1)),
                normal(nn.Conv2d(32, 64, 4, 2, 1)),
                normal(nn.Conv2d(64, 64, 3, 1, 1)),
            ]
        )
        self.last = normal(nn.Conv2d(64, 1, 3, 1, 1))

    def forward(self, picture: Tensor, drawn: Tensor) -> tuple[Tensor, list[Tensor]]:
        grey = picture.mean(1, keepdim=True)
        sharp = (grey - functional.avg_pool2d(grey, 5, 1, 2)) * 3
        hidden, features = torch.cat((picture, drawn, sharp), 1), []
        for layer in self.layers:
            hidden = functional.leaky_relu(layer(hidden), 0.2)
            features.append(hidden)
        return self.last(hidden), features


class WindowLesson:
    """One generator's lesson."""

    def __init__(
        self,
        name: str,
        samples: WindowSamples,
        heldout: WindowSamples,
        *,
        perceptual: SqueezeDistance | None,
        points: nn.Module | None = None,
        adversarial: bool,
        seed: int,
        device: torch.device = _CPU,
    ) -> None:
        """`points` finds this window's landmarks, as the codec does: (B, 3, H, W) in [-1, 1] -> (B, P, 2).

        Without it and a perceptual distance pixels alone count, and what an adversary says where there is one.
        """
        self.name = name
        self._samples, self._heldout, self._perceptual = samples, heldout, perceptual
        self._often = _often(samples, _SHAPE_PLANE[name])
        self._points = points.to(device).eval().requires_grad_(False) if points is not None else None
        self._device, self._seed, self._drawn = device, seed, 0
        self._random = np.random.default_rng(seed)
        self._adversary = Adversary().to(device) if adversarial else None
        watched = self._adversary or Adversary()
        self._against = torch.optim.Adam(watched.parameters(), 4e-4, betas=(0.5, 0.98))

    def state(self) -> dict[str, Any]:
        """What a resumed run needs beside the generator."""
        state: dict[str, Any] = {"drawn": self._drawn}
        if self._adversary is not None:
            state |= {"adversary": self._adversary.state_dict(), "against": self._against.state_dict()}
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._drawn = int(state.get("drawn", 0))
        self._random = np.random.default_rng([self._seed, self._drawn])  # other batches than those before
        if self._adversary is not None and "adversary" in state:
            self._adversary.load_state_dict(state["adversary"])
            self._against.load_state_dict(state["against"])

    def loss(self, model: nn.Module, *, progress: float) -> Tensor:
        inputs, target = self._batch()
        with self._autocast():
            outputs = model(inputs)
        picture = blend(outputs.float(), inputs[:, :_PICTURES])
        drawn = inputs[:, _PICTURES : _PICTURES + 2]
        late = progress > _ADVERSE_FROM and self._adversary is not None
        pixels, gradients = self._pixels(picture, target, drawn)
        loss: Tensor = (0.6 if late else 1.0) * pixels + (0.4 if late else 1.0) * _GRADIENT * gradients
        if self._perceptual is not None:
            # The strided first layer at every phase, else it lets a chequered pattern through.
            top, left = (int(n) for n in self._random.integers(0, 2, 2))
            with self._autocast():
                perceived = self._perceptual(picture[:, :, top:, left:] / 2 + 0.5, target[:, :, top:, left:] / 2 + 0.5)
            loss = loss + _PERCEPTUAL * perceived.float()
        if self._points is not None:
            loss = loss + self._found_again(picture, target)
        if late:
            strength = min(1.0, (progress - _ADVERSE_FROM) / _ADVERSE_RAMP)
            loss = loss + strength * self._adverse(picture, target, drawn)
        return loss

    def score(self, model: nn.Module) -> Mapping[str, float]:
        """On held-out people, with references held and from one keyframe.

        PSNR in dB, perceptual distance, and how far lips or lids are from where the original has them, in percent of
        half the window.
        """
        scores: dict[str, float] = {}
        for name, which in (("held", ~self._heldout.single), ("single", self._heldout.single)):
            rows = np.flatnonzero(which)[:: 3 if self.name == "mouth" else 6]
            figures: dict[str, list[Tensor]] = {}
            for start in range(0, len(rows), 64):
                inputs, target = _tensors(self._heldout, rows[start : start + 64], self._device)
                with self._autocast():
                    outputs = model(inputs)
                picture = blend(outputs.float(), inputs[:, :_PICTURES]).clamp(-1, 1)
                for (psnr, lpips, found), shown in zip(_FIGURES, (picture, inputs[:, :3]), strict=True):
                    error = (shown - target).square().mean((1, 2, 3))
                    figures.setdefault(psnr, []).append(10 * torch.log10(4 / (error + 1e-5)))
                    if self._perceptual is not None:
                        distance = self._perceptual(shown / 2 + 0.5, target / 2 + 0.5)
                        figures.setdefault(lpips, []).append(distance.expand(len(inputs)))
                    if self._points is not None:
                        away = self._points(shown) - self._points(target)
                        figures.setdefault(found, []).append(100 * away.norm(dim=-1).mean(1) / 2)
            scores |= {f"{name}_{key}": float(torch.cat(parts).mean()) for key, parts in figures.items()}
        return scores

    def _autocast(self) -> AbstractContextManager[None]:
        return mixed_precision(self._device)

    def _batch(self) -> tuple[Tensor, Tensor]:
        self._drawn += 1
        rows = self._random.choice(len(self._samples), WINDOW_BATCHES[self.name], p=self._often)
        inputs, target = _tensors(self._samples, rows, self._device)
        if self._random.random() < _SWAPPED:  # the second candidate for the first, with its outlines
            inputs = inputs[:, [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 13, 14, 11, 12]]
        if self.name == "mouth" and self._random.random() < 0.5:
            inputs, target = inputs.flip(3), target.flip(3)
        count = len(inputs)
        randn = partial(torch.randn, device=self._device)
        gain = torch.exp(randn(count, 3, 1, 1) * 0.08 + randn(count, 1, 1, 1) * 0.15)
        shift = randn(count, 1, 1, 1) * 0.08

        def recoloured(pictures: Tensor) -> Tensor:
            return ((pictures + 1) * gain.repeat(1, pictures.shape[1] // 3, 1, 1) + shift - 1).clamp(-1, 1)

        inputs = torch.cat((recoloured(inputs[:, :_PICTURES]), inputs[:, _PICTURES:]), 1)
        layout = torch.channels_last
        return inputs.contiguous(memory_format=layout), recoloured(target).contiguous(memory_format=layout)

    @staticmethod
    def _pixels(picture: Tensor, target: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """L1, more of it inside the outlines, and L1 of the gradients."""
        weight = 1 + functional.avg_pool2d(drawn[:, :1], 5, 1, 2)
        difference = picture - target
        pixels = (difference.abs() * (weight / weight.mean())).mean()
        across = (difference[..., 1:] - difference[..., :-1]).abs().mean()
        return pixels, across + (difference[:, :, 1:] - difference[:, :, :-1]).abs().mean()

    def _found_again(self, picture: Tensor, target: Tensor) -> Tensor:
        """How far lips or lids are from where the target shows them, and how differently they are opened."""
        assert self._points is not None
        # Never twice from quite the same place, so that what is learnt is a shape and not how to please a network.
        shifts = tuple(int(n) for n in self._random.integers(-_SHAKE, _SHAKE + 1, 2))
        with self._autocast():
            found = self._points(picture.roll(shifts, (2, 3)))
            with torch.no_grad():
                wanted = self._points(target.roll(shifts, (2, 3)))
        upper, lower = _OPENING[self.name]
        opened, wanted_open = (points[:, lower, 1] - points[:, upper, 1] for points in (found, wanted))
        loss: Tensor = _POINTS * (found - wanted).abs().mean() + _APERTURE * (opened - wanted_open).abs().mean()
        return loss

    def _adverse(self, picture: Tensor, target: Tensor, drawn: Tensor) -> Tensor:
        """One step of the adversary, then what it says of the pictures."""
        adversary = self._adversary
        assert adversary is not None
        top, left = (int(n) for n in self._random.integers(0, 3, 2))
        real, shown, outlines = (part[:, :, top:, left:] for part in (target, picture, drawn))
        adversary.requires_grad_(True)
        with self._autocast():
            right, wanted = adversary(real, outlines)
            wrong, _ = adversary(shown.detach(), outlines)
        hinge = functional.relu(1 - right.float()).mean() + functional.relu(1 + wrong.float()).mean()
        self._against.zero_grad()
        hinge.backward()  # type: ignore[no-untyped-call]
        share_gradients(adversary)
        self._against.step()
        adversary.requires_grad_(False)
        with self._autocast():
            verdict, features = adversary(shown, outlines)
        alike = sum(
            ((a.float() - b.detach().float()).abs().mean() for a, b in zip(features, wanted, strict=True)),
            start=torch.zeros((), device=self._device),
        )
        said: Tensor = -_ADVERSE * verdict.float().mean() + _FEATURES * alike
        return said


def _often(samples: WindowSamples, plane: int) -> Array:
    """How often each sample is drawn (N,), sum 1: the more its shape's area differs from its clip's median."""
    area = np.array([float(inputs[..., plane].mean()) for inputs in samples.inputs])
    away = np.zeros(len(area))
    for clip in np.unique(samples.clip):
        mine = samples.clip == clip
        away[mine] = np.abs(area[mine] - np.median(area[mine]))
    weight = np.minimum(1 + away / max(float(away.mean()), 1e-6), _RAREST)
    return np.asarray(weight / weight.sum())


def _tensors(samples: WindowSamples, rows: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    """Inputs (B, 15, H, W), pictures in [-1, 1] and outlines in [0, 1]; targets (B, 3, H, W) in [-1, 1]."""
    levels, target = (
        torch.from_numpy(np.ascontiguousarray(part[rows])).to(device).permute(0, 3, 1, 2).float() / 255
        for part in (samples.inputs, samples.target)
    )
    return torch.cat((levels[:, :_PICTURES] * 2 - 1, levels[:, _PICTURES:]), 1), target * 2 - 1
