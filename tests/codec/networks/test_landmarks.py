"""Landmark networks: shapes, what they may cost, and that folding batch normalisation away changes nothing."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from codec.motion.landmarks import LANDMARKS
from codec.networks.landmarks import (
    EYE_POINTS,
    EYE_SIZE,
    FACE_SIZE,
    MOUTH_POINTS,
    MOUTH_SIZE,
    FaceNetworks,
    NormalConv,
)
from tests.codec.networks.costs import macs

GIGA = 1e9
Shape = tuple[str, tuple[int, int], tuple[int, int]]

NETWORKS: list[Shape] = [  # name, width and height of what it sees, points and axes
    ("landmarks", (FACE_SIZE, FACE_SIZE), (LANDMARKS, 3)),
    ("mouth_points", MOUTH_SIZE, (MOUTH_POINTS, 2)),
    ("eye_points", EYE_SIZE, (EYE_POINTS, 2)),
]
networks = pytest.mark.parametrize(("name", "size", "points"), NETWORKS, ids=[name for name, *_ in NETWORKS])


@pytest.fixture(scope="module", autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad(), torch.random.fork_rng():
        yield


@pytest.fixture
def trained() -> FaceNetworks:
    """As if trained: statistics and weights of batch normalisation have moved, channel by channel."""
    torch.manual_seed(5)
    model = FaceNetworks()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 2)
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.3)
    return model.eval()


def crop(size: tuple[int, int], *, count: int = 2) -> Tensor:
    return torch.rand(count, 3, size[1], size[0], generator=torch.Generator().manual_seed(3)) * 2 - 1


@networks
def test_points_of_each_crop(name: str, size: tuple[int, int], points: tuple[int, int], trained: FaceNetworks) -> None:
    found = getattr(trained, name)(crop(size))
    assert found.shape == (2, *points)
    assert found.dtype == torch.float32
    assert not torch.equal(found[0], found[1])
    alone = getattr(trained, name)(crop(size)[1:])
    torch.testing.assert_close(found[1:], alone, atol=1e-5, rtol=1e-5)


@networks
def test_a_fused_network_says_the_same(
    name: str, size: tuple[int, int], points: tuple[int, int], trained: FaceNetworks
) -> None:
    fused = deepcopy(trained).fused()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    before, after = (getattr(model, name)(crop(size)) for model in (trained, fused))
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    assert float(before.abs().max()) > 1e-3
    torch.testing.assert_close(getattr(fused.fused(), name)(crop(size)), after)


def test_a_single_convolution_is_fused_exactly() -> None:
    torch.manual_seed(1)
    layer = NormalConv(3, 5, stride=2).train()
    for _ in range(20):
        layer(torch.randn(8, 3, 12, 12) * 3 + 1)
    layer.eval()
    picture = torch.randn(2, 3, 12, 12)
    before = layer(picture)
    layer.fuse()
    assert layer.norm is None
    torch.testing.assert_close(layer(picture), before, atol=1e-5, rtol=1e-4)


def test_what_is_stored_has_no_statistics() -> None:
    """The tensors of a weight file are those of the fused networks."""
    names = set(FaceNetworks().fused().state_dict())
    assert names
    assert not any("norm" in name for name in names)
    assert {name.split(".")[0] for name in names} == {name for name, *_ in NETWORKS}


@pytest.mark.parametrize(
    ("name", "size", "budget"),
    [("landmarks", (FACE_SIZE, FACE_SIZE), 0.11), ("mouth_points", MOUTH_SIZE, 0.04), ("eye_points", EYE_SIZE, 0.015)],
)
def test_budgets(name: str, size: tuple[int, int], budget: float, trained: FaceNetworks) -> None:
    network = getattr(trained, name)
    spent = macs(network, lambda: network(crop(size, count=1)))
    assert 0.3 * budget * GIGA < spent <= budget * GIGA
