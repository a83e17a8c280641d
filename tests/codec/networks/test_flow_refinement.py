"""Flow refinement: a choice among what is there, nothing where nothing moves, and what it may cost."""

import pytest
import torch

from codec.motion.parameters import FLOW_SIZE
from codec.networks.flow_refinement import CHOICES, GUIDANCE, FlowRefinement, choose
from tests.codec.networks.costs import macs

REACH = 6  # places to each side


@pytest.fixture
def stirred() -> FlowRefinement:
    torch.manual_seed(2)
    network = FlowRefinement()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network.eval().requires_grad_(False)


def maps(*channels: int) -> list[torch.Tensor]:
    torch.manual_seed(4)
    return [torch.rand(1, count, FLOW_SIZE, FLOW_SIZE) for count in channels]


def test_untrained_it_changes_little() -> None:
    picture, flow, occlusion = maps(3, 2, 1)
    smooth = torch.nn.functional.interpolate(flow[..., :4, :4], size=FLOW_SIZE, mode="bicubic")
    with torch.inference_mode():
        refined, seen = FlowRefinement()(picture, smooth, occlusion)
    assert float((refined - smooth).abs().max()) < 0.1 * float(smooth.abs().max())
    torch.testing.assert_close(seen, occlusion, atol=0.003, rtol=0)


def test_where_nothing_moves_nothing_will(stirred: FlowRefinement) -> None:
    picture, occlusion = maps(3, 1)
    refined, _ = stirred(picture, torch.zeros(1, 2, FLOW_SIZE, FLOW_SIZE), occlusion)
    assert not refined.any()


def test_no_motion_is_invented(stirred: FlowRefinement) -> None:
    """Each value lies among those about it and 0."""
    picture, flow, occlusion = maps(3, 2, 1)
    refined, seen = stirred(picture, flow - 0.5, occlusion)
    size, padded = 2 * REACH + 1, torch.nn.functional.pad(flow - 0.5, (REACH,) * 4, mode="replicate")
    most = torch.nn.functional.max_pool2d(padded, size, 1).clamp(min=0)
    least = -torch.nn.functional.max_pool2d(-padded, size, 1).clamp(min=0)
    assert (refined <= most + 1e-6).all()
    assert (refined >= least - 1e-6).all()
    assert float((refined - flow + 0.5).abs().max()) > 0.01, "it does something"
    assert ((seen >= 0) & (seen <= 1)).all()


@pytest.mark.parametrize(("choice", "left", "up"), [(0, 6, 6), (12, 0, 0), (13, -3, 0), (24, -6, -6)])
def test_a_choice_takes_the_value_from_where_it_says(choice: int, left: int, up: int) -> None:
    flow, occlusion = maps(2, 1)
    told = torch.full((1, CHOICES + 1, FLOW_SIZE, FLOW_SIZE), -60.0)
    told[:, choice] = 60
    refined, _ = choose(told, flow, occlusion)
    inside = slice(REACH, -REACH)
    wanted = torch.roll(flow, (up, left), (2, 3))
    torch.testing.assert_close(refined[..., inside, inside], wanted[..., inside, inside], atol=1e-4, rtol=0)


def test_the_last_choice_is_to_stand_still() -> None:
    flow, occlusion = maps(2, 1)
    told = torch.full((1, CHOICES + 1, FLOW_SIZE, FLOW_SIZE), -60.0)
    told[:, CHOICES - 1] = 60
    refined, _ = choose(told, flow, occlusion)
    assert float(refined.abs().max()) < 1e-5


def test_occlusion_is_corrected_both_ways() -> None:
    flow, occlusion = maps(2, 1)
    told = torch.zeros(1, CHOICES + 1, FLOW_SIZE, FLOW_SIZE)
    told[:, CHOICES, :32], told[:, CHOICES, 32:] = 1, -1
    _, seen = choose(told, flow, occlusion)
    inside = (occlusion > 0.01) & (occlusion < 0.99)
    assert (seen > occlusion)[:, :, :32][inside[:, :, :32]].all()
    assert (seen < occlusion)[:, :, 32:][inside[:, :, 32:]].all()


def test_an_edge_is_learnt_from_what_is_seen() -> None:
    """A field that is smooth across the edge of something bright becomes sharp there."""
    torch.manual_seed(1)
    network = FlowRefinement()
    picture = torch.zeros(1, 3, 256, 256)
    picture[..., 128:] = 1
    sharp = torch.zeros(1, 2, FLOW_SIZE, FLOW_SIZE)
    sharp[:, 0, :, 32:] = 0.02
    smooth = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(sharp, (5,) * 4, mode="replicate"), 11, 1)
    occlusion = torch.ones(1, 1, FLOW_SIZE, FLOW_SIZE)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(100):
        refined, _ = network(picture, smooth, occlusion)
        loss = 1000 * (refined - sharp).abs().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() < 500 * float((smooth - sharp).abs().mean())


def test_budget() -> None:
    guidance, flow, occlusion = maps(GUIDANCE, 2, 1)
    network = FlowRefinement()
    assert 0 < macs(network, lambda: network.tell(guidance, flow, occlusion)) <= 0.15e9
    picture = torch.rand(1, 3, 256, 256)
    assert 0 < macs(network, lambda: network.guidance(picture)) <= 0.05e9
