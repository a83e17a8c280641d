"""Networks: what they do before any training, that stillness is exact, and what they may cost."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from codec.motion.parameters import EXPRESSIONS, FLOW_SIZE, KEYPOINTS, MOTION_NUMBERS
from codec.networks import FaceModel
from codec.networks.layers import Conv, Kernel, Residual, resize, upsample, warp
from tests.codec.networks.costs import macs

GIGA = 1e9
MAX_WEIGHT_BYTES = 20e6  # in float16


@pytest.fixture(scope="module", autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def untrained() -> FaceModel:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return FaceModel().eval()


@pytest.fixture(scope="module")
def stirred() -> FaceModel:
    """As if trained: every weight has moved, no layer is zero."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = FaceModel().eval()
        for parameter in model.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
        return model


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def picture(random: torch.Generator, *, size: int = 256) -> Tensor:
    return torch.rand(1, 3, size, size, generator=random)


def flow_of(model: FaceModel, image: Tensor, reference: Tensor, driving: Tensor, canonical: Tensor) -> Any:
    return model.base_flow(image, canonical=canonical, reference_motion=reference, driving_motion=driving)


@pytest.mark.parametrize("which", ["untrained", "stirred"])
def test_equal_keypoints_give_no_flow_at_all(which: str, request: pytest.FixtureRequest) -> None:
    model, random = request.getfixturevalue(which), torch.Generator().manual_seed(3)
    motion = torch.randn(1, MOTION_NUMBERS, generator=random) * 0.3
    canonical = torch.randn(1, KEYPOINTS, 3, generator=random)
    flow, occlusion = flow_of(model, picture(random), motion, motion, canonical)
    assert flow.shape == (1, 2, FLOW_SIZE, FLOW_SIZE)
    assert occlusion.shape == (1, 1, FLOW_SIZE, FLOW_SIZE)
    assert float(flow.abs().max()) < 1e-6  # a ten-thousandth of a pixel: the rounding of R^T R
    assert 0 <= float(occlusion.min()) <= float(occlusion.max()) <= 1


def test_moved_keypoints_move_the_face_and_not_the_corner(untrained: FaceModel, random: torch.Generator) -> None:
    reference = torch.zeros(1, MOTION_NUMBERS)
    driving = reference.clone()
    driving[0, 4] = 0.1  # to the right by a twentieth of the picture
    canonical = 0.15 * torch.randn(1, KEYPOINTS, 3, generator=random)
    flow, occlusion = flow_of(untrained, picture(random), reference, driving, canonical)
    middle = flow[0, :, FLOW_SIZE // 2, FLOW_SIZE // 2]
    torch.testing.assert_close(middle, torch.tensor((-0.1, 0.0)), atol=0.01, rtol=0)
    assert float(flow[0, :, 0, 0].abs().max()) < 0.02
    assert 0 <= float(occlusion.min()) <= float(occlusion.max()) <= 1


@pytest.mark.parametrize("size", [256, 512])
def test_the_untrained_generator_is_the_identity(untrained: FaceModel, random: torch.Generator, size: int) -> None:
    image = picture(random, size=size)
    flow, occlusion = torch.zeros(1, 2, FLOW_SIZE, FLOW_SIZE), torch.ones(1, 1, FLOW_SIZE, FLOW_SIZE)
    shown = untrained.generator(image, features=untrained.appearance(image), flow=flow, occlusion=occlusion)
    torch.testing.assert_close(shown, image, atol=1e-4, rtol=0)


def test_the_untrained_generator_is_the_warp(untrained: FaceModel, random: torch.Generator) -> None:
    image, flow = picture(random), 0.05 * torch.randn(1, 2, FLOW_SIZE, FLOW_SIZE, generator=random)
    occlusion = torch.ones(1, 1, FLOW_SIZE, FLOW_SIZE)
    shown = untrained.generator(image, features=untrained.appearance(image), flow=flow, occlusion=occlusion)
    torch.testing.assert_close(shown, warp(image, flow, kernel="bicubic"), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [256, 512])
def test_the_untrained_restoration_is_the_identity(untrained: FaceModel, random: torch.Generator, size: int) -> None:
    image = picture(random, size=size)
    torch.testing.assert_close(untrained.restoration(image, torch.tensor([50.0])), image, atol=1e-6, rtol=0)


def test_restoration_hears_how_coarse_the_coding_was(stirred: FaceModel, random: torch.Generator) -> None:
    image = picture(random)
    fine, coarse = (stirred.restoration(image, torch.tensor([crf])) for crf in (30.0, 63.0))
    assert float((fine - coarse).abs().max()) > 1e-3


def test_the_extractor_starts_near_its_mean_shape(untrained: FaceModel, random: torch.Generator) -> None:
    canonical, motion = untrained.motion_extractor(picture(random))
    assert canonical.shape == (1, KEYPOINTS, 3)
    assert motion.shape == (1, MOTION_NUMBERS)
    assert float((canonical - untrained.motion_extractor.mean_shape).abs().max()) < 0.5
    assert float(motion.abs().max()) < 0.5
    assert untrained.motion_extractor.basis.shape == (EXPRESSIONS, KEYPOINTS, 3)


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize("pixels", [(3, 0), (0, -2), (-1, 4)])
def test_warp_by_whole_pixels(random: torch.Generator, pixels: tuple[int, int], kernel: Kernel) -> None:
    image, (right, down) = torch.rand(2, 5, 32, 32, generator=random), pixels
    flow = (torch.tensor(pixels) * (2 / 32)).view(1, 2, 1, 1).expand(2, 2, 32, 32)
    expected = torch.roll(image, (-down, -right), (2, 3))
    inner = slice(5, -5)
    moved = warp(image, flow, kernel=kernel)
    torch.testing.assert_close(moved[..., inner, inner], expected[..., inner, inner], atol=1e-5, rtol=0)


def test_a_bicubic_warp_keeps_more_detail(random: torch.Generator) -> None:
    ramp = torch.linspace(0, 12, 64).sin()[None, None, None].expand(1, 1, 64, 64) / 2 + 0.5
    half = torch.tensor((1 / 64, 0.0)).view(1, 2, 1, 1).expand(1, 2, 64, 64)
    exact = (torch.linspace(0, 12, 64) + 6 / 63).sin() / 2 + 0.5
    errors = [float((warp(ramp, half, kernel=k) - exact)[..., 4:-4].abs().max()) for k in ("bilinear", "bicubic")]
    assert errors[1] < 0.6 * errors[0]


def test_warp_takes_a_coarse_flow_and_repeats_the_border(random: torch.Generator) -> None:
    image = torch.rand(1, 3, 64, 64, generator=random)
    moved = warp(image, torch.tensor((4.0, 0.0)).view(1, 2, 1, 1).expand(1, 2, 8, 8))
    torch.testing.assert_close(moved, image[..., -1:].expand_as(image), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_resize_keeps_a_constant(size: int) -> None:
    resized = resize(torch.full((1, 2, 32, 32), 0.25), size)
    assert resized.shape == (1, 2, size, size)
    torch.testing.assert_close(resized, torch.full_like(resized, 0.25))


def test_resize_down_is_the_mean_of_areas() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(resize(image, 2), torch.tensor([[2.5, 4.5], [10.5, 12.5]]).view(1, 1, 2, 2))
    assert resize(image, 4) is image
    assert resize(torch.zeros(1, 1, 48, 48), 32).shape[-1] == 32
    assert upsample(image).shape == (1, 1, 8, 8)


def test_blocks() -> None:
    image = torch.rand(1, 6, 16, 16)
    assert Conv(6, 4, stride=2)(image).shape == (1, 4, 8, 8)
    torch.testing.assert_close(Residual(6)(image), image)


def test_macs_are_counted() -> None:
    layer = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 5))
    assert macs(layer, lambda: layer(torch.zeros(1, 3, 4, 4))) == 16 * 8 * 27 + 5 * 128


@pytest.mark.parametrize(("size", "generator_budget"), [(256, 3.5), (512, 8.0)])
def test_budgets(untrained: FaceModel, random: torch.Generator, size: int, generator_budget: float) -> None:
    model, image = untrained, picture(random, size=size)
    motion, canonical = torch.zeros(1, MOTION_NUMBERS), torch.zeros(1, KEYPOINTS, 3)
    extractor = macs(model.motion_extractor, lambda: model.motion_extractor(image))
    assert 0 < extractor <= 0.4 * GIGA
    assert 0 < macs(model.appearance, lambda: model.appearance(image)) <= 2 * GIGA
    restoration = macs(model.restoration, lambda: model.restoration(image, torch.tensor([50.0])))
    assert 0 < restoration <= 3 * GIGA * (size / 256) ** 2, "once per reference, about one a second"
    dense = macs(model.dense_motion, lambda: flow_of(model, image, motion, motion, canonical))
    assert 0 < dense <= 0.15 * GIGA
    features = model.appearance(image)
    flow, occlusion = flow_of(model, image, motion, motion, canonical)

    def generate() -> object:
        return model.generator(image, features=features, flow=flow, occlusion=occlusion)

    assert 0 < macs(model.generator, generate) <= generator_budget * GIGA


def test_all_weights_fit_their_budget(untrained: FaceModel) -> None:
    numbers = sum(value.numel() for value in untrained.state_dict().values())
    assert 2 * numbers <= MAX_WEIGHT_BYTES
