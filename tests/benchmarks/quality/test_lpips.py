"""Stage 10, display (as judged): LPIPS with networks drawn at random, and without any."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.errors import NetsMissing
from benchmarks.quality.lpips import CHANNELS, FEATURES_FILE, LAYERS, LINEAR_FILE, Lpips
from benchmarks.quality.metrics import measure

KERNELS = (11, 5, 3, 3, 3)


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lpips")
    rng = np.random.default_rng(3)
    arrays: dict[str, np.ndarray] = {}
    for (index, *_), (fan_in, fan_out), kernel in zip(LAYERS, pairwise(CHANNELS), KERNELS, strict=True):
        scale = 1 / np.sqrt(fan_in * kernel * kernel)
        arrays[f"features.{index}.weight"] = rng.normal(0, scale, (fan_out, fan_in, kernel, kernel)).astype(np.float32)
        arrays[f"features.{index}.bias"] = rng.normal(0, 0.1, fan_out).astype(np.float32)
    np.savez(folder / FEATURES_FILE, **arrays)
    linear = {f"lin{k}.model.1.weight": torch.full((1, c, 1, 1), 0.5) for k, c in enumerate(CHANNELS[1:])}
    torch.save(linear, folder / LINEAR_FILE)
    return folder


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(4)) * 255


def test_equal_pictures_are_at_no_distance(nets: Path, pictures: torch.Tensor) -> None:
    np.testing.assert_array_equal(Lpips(nets)(pictures, pictures).numpy(), [0, 0])


def test_the_distance_grows_with_noise_and_is_symmetric(nets: Path, pictures: torch.Tensor) -> None:
    lpips = Lpips(nets)
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(5))
    distances = [lpips(pictures, pictures + sigma * noise) for sigma in (5, 20, 80)]
    assert (distances[0] > 0).all()
    assert (distances[1] > distances[0]).all()
    assert (distances[2] > distances[1]).all()
    np.testing.assert_allclose(distances[1], lpips(pictures + 20 * noise, pictures), rtol=1e-5)


def test_unit_features_bound_the_distance(nets: Path) -> None:
    black, white = torch.zeros(1, 3, 96, 96), torch.full((1, 3, 96, 96), 255.0)
    # five layers, weights of 0.5, |a - b|^2 of unit vectors with no negative entry is at most 2
    assert 0 < float(Lpips(nets)(black, white)) <= 5 * 0.5 * 2


def test_measure_reports_it_where_the_networks_are_named(nets: Path) -> None:
    a = np.full((1, 176, 176, 3), 80, np.uint8)
    b = np.random.default_rng(6).integers(0, 255, a.shape).astype(np.uint8)
    lpips = measure(a, b, lpips=Lpips(nets)).lpips
    assert lpips is not None
    assert lpips > 0


def test_a_folder_without_the_networks_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetsMissing, match=r"no usable alexnet_features\.npz"):
        Lpips(tmp_path)


def test_damaged_networks_are_named(nets: Path, tmp_path: Path) -> None:
    (tmp_path / FEATURES_FILE).write_bytes((nets / FEATURES_FILE).read_bytes())
    (tmp_path / LINEAR_FILE).write_bytes(b"not a checkpoint")
    with pytest.raises(NetsMissing):
        Lpips(tmp_path)
    (tmp_path / FEATURES_FILE).write_bytes((nets / FEATURES_FILE).read_bytes()[:1000])
    with pytest.raises(NetsMissing):
        Lpips(tmp_path)


def test_another_network_is_refused(nets: Path, tmp_path: Path) -> None:
    (tmp_path / LINEAR_FILE).write_bytes((nets / LINEAR_FILE).read_bytes())
    wrong = {
        f"features.{i}.{kind}": np.zeros((4, 3, 3, 3), np.float32) for i, *_ in LAYERS for kind in ("weight", "bias")
    }
    np.savez(tmp_path / FEATURES_FILE, **wrong)
    with pytest.raises(NetsMissing, match="not AlexNet"):
        Lpips(tmp_path)
