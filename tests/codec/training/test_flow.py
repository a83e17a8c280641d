"""Measured flow follows known motion; the residual on tensors is the encoder's; bits are a Laplacian's."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from codec.motion.residual import inverse, transform
from codec.networks.layers import resize, warp
from codec.training.data.optical_flow import MEASURED_SIZE, measure_flow
from codec.training.stages.rate_loss import MotionRate, laplace_bits
from codec.training.stages.residual import quantised_residual, to_coefficients, to_flow


def scene(count: int, size: int = 128) -> Tensor:
    """Textures with detail at several scales."""
    generator = torch.Generator().manual_seed(5)
    layers = [torch.rand(count, 3, side, side, generator=generator) for side in (4, 9, 17, 33)]
    return sum((functional.interpolate(p, size=(size, size), mode="bicubic") for p in layers), torch.zeros(())) / 4


@pytest.fixture
def moved() -> tuple[Tensor, Tensor, Tensor]:
    """Reference, driving picture and the flow between them: a shift, a turn, and standing still."""
    picture = scene(3).clamp(0, 1)
    grid = (torch.arange(64) * 2 + 1) / 64 - 1
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    still = torch.zeros_like(x)
    fields = (torch.stack((still + 0.12, still - 0.08)), torch.stack((-0.1 * y, 0.1 * x)), torch.stack((still, still)))
    flow = torch.stack(fields)
    return picture, warp(picture, flow), flow


def test_flow_follows_what_moved(moved: tuple[Tensor, Tensor, Tensor]) -> None:
    reference, driving, flow = moved
    found = measure_flow(reference, driving)
    assert found.shape == (3, 2, MEASURED_SIZE, MEASURED_SIZE)
    inside = (found - resize(flow, MEASURED_SIZE))[..., 20:-20, 20:-20].abs().mean((1, 2, 3)) * MEASURED_SIZE / 2
    assert float(inside[:2].max()) < 0.3, "pixels"
    assert float(inside[2]) < 1e-3


def test_a_start_helps_and_a_bad_one_does_no_harm(moved: tuple[Tensor, Tensor, Tensor]) -> None:
    reference, driving, flow = moved
    bad = measure_flow(reference, driving, start=flow + 0.7)
    error = (warp(reference, bad) - driving)[..., 20:-20, 20:-20].abs().mean()
    assert float(error) < 0.01
    large = warp(reference, flow * 4)
    near = measure_flow(reference, large, start=flow * 3.9)
    assert float((warp(reference, near) - large)[..., 30:-30, 30:-30].abs().mean()) < 0.02


def test_the_transform_is_the_encoders() -> None:
    grid = np.random.default_rng(1).normal(size=(16, 16, 2)).astype(np.float32)
    ours = to_coefficients(
        resize(torch.from_numpy(grid).permute(2, 0, 1)[None], 16).repeat_interleave(8, 2).repeat_interleave(8, 3),
        torch.full((1, 1, 128, 128), 1e6),
    )
    theirs = transform(grid)
    # Cells of equal texture lean on their neighbours by a fifth; the lowest frequency is the mean either way.
    np.testing.assert_allclose(ours[0, :, 0, 0].numpy(), theirs[:, 0, 0], atol=0.5)
    coefficients = torch.from_numpy(theirs)[None]
    np.testing.assert_allclose(to_flow(coefficients)[0].permute(1, 2, 0).numpy(), inverse(theirs), atol=1e-4)


def test_a_quantised_residual_brings_the_base_to_the_measured_flow() -> None:
    y, x = torch.meshgrid(torch.linspace(-1, 1, MEASURED_SIZE), torch.linspace(-1, 1, MEASURED_SIZE), indexing="ij")
    measured = torch.stack((0.1 * torch.cos(2 * x) * y, 0.05 * x * y))[None].expand(2, -1, -1, -1)
    base = torch.zeros(2, 2, 64, 64)
    residual, symbols = quantised_residual(
        measured, base, scene(2), step=torch.tensor([0.01, 0.01]), diagonals=torch.tensor([31, 0])
    )
    assert float((residual[0] - resize(measured, 64)[0]).abs().mean()) < 0.01
    assert not residual[1].any()
    assert symbols[0].any()
    assert torch.equal(symbols, symbols.round())


@pytest.mark.parametrize("spread", [0.2, 1.0, 5.0])
def test_bits_add_up_to_a_probability(spread: float) -> None:
    values = torch.arange(-200, 201).float()
    bits = laplace_bits(values, torch.tensor(spread))
    assert float((2**-bits).sum()) == pytest.approx(1, abs=1e-3)
    assert torch.isfinite(laplace_bits(torch.tensor([1e6]), torch.tensor(spread))).all()


def test_rate_learns_its_widths_and_pulls_towards_stillness() -> None:
    rate, generator = MotionRate(), torch.Generator().manual_seed(2)

    def loud() -> Tensor:
        return torch.randn(64, 26, generator=generator) * 3

    before = float(rate(loud()).mean())
    for _ in range(200):
        rate(loud())
    assert float(rate(loud()).mean()) < before
    assert float(rate.spread.mean()) == pytest.approx(3 * math.sqrt(2 / math.pi), rel=0.2)
    difference = loud().requires_grad_()
    rate(difference).sum().backward()
    assert difference.grad is not None
    assert float((difference.grad * difference.detach()).mean()) > 0
    assert torch.isfinite(difference.grad).all()
    assert float(rate.eval()(torch.zeros(2, 26)).mean()) < float(rate(loud()).mean())
