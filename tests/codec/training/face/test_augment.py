"""Augmented crops of faces: turned, scaled, shifted and mirrored, a dot is still where its point is."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from codec.motion.landmarks import LANDMARKS, MIRROR
from codec.training.face.augment import Crops, CropWidths
from codec.training.face.faces import STORED, WINDOW_MARGIN, Samples

Floats = npt.NDArray[np.float32]

STILL = CropWidths(turn=0.0, scale=0.0, shift=0.0)
SIZES = {  # width and height of what is seen, and of what is stored
    "whole": ((128, 128), (STORED, STORED)),
    "mouth": ((80, 64), (80 + 2 * WINDOW_MARGIN, 64 + 2 * WINDOW_MARGIN)),
    "eye": ((48, 32), (48 + 2 * WINDOW_MARGIN, 32 + 2 * WINDOW_MARGIN)),
}
kinds = pytest.mark.parametrize("kind", SIZES)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(7)


def dotted(kind: str, at: tuple[float, float], *, points: int = 1, axes: int = 2, point: int = 0) -> Samples:
    """One stored crop with a soft dot, at so many pixels from its middle, which is where its point is."""
    _, (width, height) = SIZES[kind]
    y, x = np.indices((height, width))
    away = (x - (width - 1) / 2 - at[0]) ** 2 + (y - (height - 1) / 2 - at[1]) ** 2
    picture = (230 * np.exp(-away / (2 * 2.5**2)))[..., None].repeat(3, 2).astype(np.uint8)
    held = np.zeros((1, points, axes), np.float32)
    held[0, point, :2] = at
    return Samples(picture[None], held, np.zeros(1, np.int64))


def spots(pictures: Tensor) -> Tensor:
    """Centres (B, 2) of the dots in pictures (B, 3, H, W), the crop spanning [-1, 1]."""
    height, width = pictures.shape[2:]
    grey = pictures.mean(1)
    # Light, shift of the black and noise change what lies around a dot.
    light = (grey - grey.amax((1, 2), keepdim=True) * 0.5 - grey.amin((1, 2), keepdim=True) * 0.5).clamp_min(0)
    y, x = ((torch.arange(n) * 2 + 1) / n - 1 for n in (height, width))
    total = light.sum((1, 2))
    return torch.stack(((light * x).sum((1, 2)) / total, (light * y[:, None]).sum((1, 2)) / total), 1)


@kinds
@pytest.mark.parametrize("at", [(0.0, 0.0), (11.0, -8.0), (-13.5, 5.25)])
def test_a_crop_left_alone_has_its_dot_where_its_point_is(kind: str, at: tuple[float, float]) -> None:
    size, _ = SIZES[kind]
    pictures, points = Crops(dotted(kind, at), size=size, widths=STILL, mirror=None).batch(16)
    assert pictures.shape == (16, 3, size[1], size[0])
    half = torch.tensor(size) / 2
    torch.testing.assert_close(points[:, 0] * half, torch.tensor(at).expand(16, 2), atol=1e-4, rtol=0)
    torch.testing.assert_close(spots(pictures) * half, points[:, 0] * half, atol=0.3, rtol=0)


@kinds
def test_a_moved_crop_has_its_dot_where_its_point_is(kind: str) -> None:
    size, _ = SIZES[kind]
    crops = Crops(
        dotted(kind, (6.0, -5.0)), size=size, widths=CropWidths(turn=0.2, scale=0.15, shift=0.08), mirror=None
    )
    pictures, points = crops.batch(96)
    half = torch.tensor(size) / 2
    torch.testing.assert_close(spots(pictures) * half, points[:, 0] * half, atol=0.4, rtol=0)
    assert float(points[:, 0].std(0).min()) > 0.05, "they did move"


def test_a_mirrored_face_has_its_dot_at_the_twin() -> None:
    """The dot at a right point is a left point's in the mirror."""
    right = int(np.flatnonzero(np.arange(LANDMARKS) != MIRROR)[0])
    left, size = int(MIRROR[right]), SIZES["whole"][0]
    samples = dotted("whole", (20.0, 9.0), points=LANDMARKS, axes=3, point=right)
    crops = Crops(samples, size=size, widths=STILL, mirror=torch.from_numpy(np.array(MIRROR)))
    pictures, points = crops.batch(40)
    found = spots(pictures) * 64
    mirrored = found[:, 0] < 0
    assert 5 < int(mirrored.sum()) < 35, "one in two"
    torch.testing.assert_close(found[mirrored], points[mirrored, left, :2] * 64, atol=0.3, rtol=0)
    torch.testing.assert_close(found[~mirrored], points[~mirrored, right, :2] * 64, atol=0.3, rtol=0)
    assert not points[mirrored, right, :2].any()


def test_depth_grows_with_the_face() -> None:
    samples = dotted("whole", (0.0, 0.0), points=2, axes=3)
    samples.points[0] = ((-10, 0, 4), (10, 0, -4))
    crops = Crops(samples, size=(128, 128), widths=CropWidths(turn=0.3, scale=0.2, shift=0.05), mirror=None)
    _, points = crops.batch(32)
    across = (points[:, 0, :2] - points[:, 1, :2]).norm(dim=1)
    torch.testing.assert_close((points[:, 0, 2] - points[:, 1, 2]) / across, torch.full((32,), 0.4), atol=1e-4, rtol=0)


def test_pictures_are_recorded_in_many_ways_and_stay_in_range() -> None:
    crops = Crops(dotted("whole", (0.0, 0.0)), size=(128, 128), widths=STILL, mirror=None)
    pictures, _ = crops.batch(32)
    assert -1 <= float(pictures.min()) < float(pictures.max()) <= 1
    assert float(pictures.mean((1, 2, 3)).std()) > 0.005
    again = [crops.batch(4)[0] for _ in range(2)]
    assert not torch.equal(*again)


def test_what_is_stored_is_not_changed() -> None:
    samples = dotted("mouth", (3.0, 2.0))
    before = samples.pictures.copy(), samples.points.copy()
    Crops(samples, size=(80, 64), widths=CropWidths(turn=0.2, scale=0.2, shift=0.1), mirror=None).batch(32)
    np.testing.assert_array_equal(samples.pictures, before[0])
    np.testing.assert_array_equal(samples.points, before[1])
