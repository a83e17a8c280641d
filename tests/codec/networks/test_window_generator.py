"""Window generator: its blend is one of its candidates, untrained it adds next to nothing, and what it may cost."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from codec.networks.graph_modules import WindowPicture
from codec.networks.landmarks import EYE_SIZE, MOUTH_SIZE
from codec.networks.model import FaceModel
from codec.networks.window_generator import CANDIDATES, INPUTS, OUTPUTS, WindowGenerator, WindowNetworks, blend
from tests.codec.networks.costs import macs

GIGA = 1e9

sizes = pytest.mark.parametrize("size", [MOUTH_SIZE, EYE_SIZE], ids=["mouth", "eye"])


@pytest.fixture(scope="module", autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad(), torch.random.fork_rng():
        yield


@pytest.fixture
def untrained() -> WindowGenerator:
    torch.manual_seed(1)
    return WindowGenerator().eval()


@pytest.fixture
def stirred() -> WindowGenerator:
    """As if trained: every weight has moved."""
    torch.manual_seed(2)
    model = WindowGenerator().eval()
    for parameter in model.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def inputs(size: tuple[int, int], *, count: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(4)
    pictures = torch.rand(count, 3 * CANDIDATES, size[1], size[0], generator=random) * 2 - 1
    return torch.cat((pictures, torch.rand(count, 6, size[1], size[0], generator=random)), 1)


@sizes
@pytest.mark.parametrize("which", ["untrained", "stirred"])
def test_shares_sum_to_one(which: str, size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    out = request.getfixturevalue(which)(inputs(size))
    assert out.shape == (2, OUTPUTS, size[1], size[0])
    assert out.dtype == torch.float32
    shares = out[:, :CANDIDATES]
    assert float(shares.min()) >= 0
    torch.testing.assert_close(shares.sum(1), torch.ones_like(shares[:, 0]), atol=1e-5, rtol=0)


@sizes
def test_the_untrained_generator_adds_nothing_much(size: tuple[int, int], untrained: WindowGenerator) -> None:
    """And takes most from the reference that is nearest in shape."""
    out = untrained(inputs(size))
    assert float(out[:, CANDIDATES:].abs().max()) < 0.2
    shares = out[:, :CANDIDATES].mean((0, 2, 3))
    assert shares.argmax() == 1
    assert float(shares[1]) > 0.5
    assert float(shares.min()) > 0.03, "no candidate is shut out before it is seen"


def test_equal_candidates_are_their_blend(untrained: WindowGenerator) -> None:
    picture = inputs(MOUTH_SIZE)[:, :3]
    seen = torch.cat((picture, picture, picture, inputs(MOUTH_SIZE)[:, 9:]), 1)
    out = untrained(seen)
    torch.testing.assert_close(blend(out, seen[:, :9]) - out[:, CANDIDATES:], picture, atol=1e-5, rtol=0)


def test_a_blend_by_hand() -> None:
    candidates = torch.stack([torch.full((4, 5), value) for value in (0.1, 0.2, 0.3, -0.4, -0.5, -0.6, 1, 1, 1)])[None]
    outputs = torch.stack([torch.full((4, 5), value) for value in (0.5, 0.25, 0.25, 0.0, 0.1, -0.1)])[None]
    mixed = blend(outputs, candidates)
    assert mixed.shape == (1, 3, 4, 5)
    torch.testing.assert_close(mixed[0, :, 2, 2], torch.tensor((0.2, 0.325, 0.15)))


def test_each_input_is_heard(stirred: WindowGenerator) -> None:
    """The candidates and all six outlines."""
    seen = inputs(EYE_SIZE, count=1)
    before = stirred(seen)
    for channel in range(INPUTS):
        other = seen.clone()
        other[:, channel] = 0
        assert float((stirred(other) - before).abs().max()) > 1e-5, channel


@pytest.mark.parametrize(("name", "size", "count"), [("mouth", MOUTH_SIZE, 1), ("eye", EYE_SIZE, 2)])
def test_the_graph_speaks_in_levels(name: str, size: tuple[int, int], count: int) -> None:
    """uint8 pictures in, shares and levels out, channels last."""
    torch.manual_seed(3)
    model = FaceModel().eval()
    seen = inputs(size, count=count)
    levels = torch.cat((seen[:, : 3 * CANDIDATES] * 127.5 + 127.5, seen[:, 3 * CANDIDATES :] * 255), 1).round()
    exact = torch.cat((levels[:, : 3 * CANDIDATES] / 127.5 - 1, levels[:, 3 * CANDIDATES :] / 255), 1)
    expected = getattr(model.windows, name)(exact)
    out = WindowPicture(model, name)(levels.permute(0, 2, 3, 1).to(torch.uint8))
    assert out.shape == (count, size[1], size[0], OUTPUTS)
    shares, add = out[..., :CANDIDATES].permute(0, 3, 1, 2), out[..., CANDIDATES:].permute(0, 3, 1, 2)
    torch.testing.assert_close(shares, expected[:, :CANDIDATES], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(add, 127.5 * expected[:, CANDIDATES:], atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize(("name", "size", "budget"), [("mouth", MOUTH_SIZE, 0.065), ("eye", EYE_SIZE, 0.02)])
def test_budgets(name: str, size: tuple[int, int], budget: float) -> None:
    generator = getattr(WindowNetworks(), name)
    spent = macs(generator, lambda: generator(inputs(size, count=1)))
    assert 0.3 * budget * GIGA < spent <= budget * GIGA
