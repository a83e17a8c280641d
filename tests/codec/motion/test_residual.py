"""Motion residual: an orthonormal transform, a weighted grid, and optical flow that finds what really moved."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from codec.motion.flow import FLOW_PICTURE, PICTURE_SIDE, FlowEstimator, remap, remap_planes, shrink, texture, widen
from codec.motion.parameters import FLOW_SIZE
from codec.motion.residual import COEFFICIENTS, GRID, ORDER, inverse, to_grid, transform

Floats = npt.NDArray[np.float32]
PIXEL = 2 / PICTURE_SIDE  # a flow of one pixel
INNER = slice(12, -12)


def noise(*shape: int) -> Floats:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def textured() -> npt.NDArray[np.uint8]:
    """A grey picture with detail at every scale."""
    picture = sum(
        cv2.resize(noise(side, side), (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_CUBIC)
        for side in (8, 16, 32, 64)
    )
    assert not isinstance(picture, int)
    return np.asarray(cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def shifted(flow: tuple[float, float]) -> Floats:
    return np.broadcast_to(np.array(flow, np.float32) * PIXEL, (PICTURE_SIDE, PICTURE_SIDE, 2)).copy()


def test_the_transform_keeps_energy() -> None:
    grid = noise(GRID, GRID, 2)
    coefficients = transform(grid)
    assert coefficients.shape == COEFFICIENTS
    assert coefficients.dtype == np.float32
    np.testing.assert_allclose((coefficients**2).sum(), (grid**2).sum(), rtol=1e-5)


@pytest.mark.parametrize("position", [(0, 0, 0), (1, 3, 5), (0, 15, 15)])
def test_the_transform_is_an_orthonormal_dct(position: tuple[int, int, int]) -> None:
    expected = np.zeros(COEFFICIENTS, np.float32)
    expected[position] = 1
    np.testing.assert_allclose(transform(_basis(position)), expected, atol=1e-6)


@pytest.mark.parametrize("position", [(0, 0, 0), (1, 1, 0), (0, 2, 3)])
def test_the_inverse_undoes_it(position: tuple[int, int, int]) -> None:
    coefficients = np.zeros(COEFFICIENTS, np.float32)
    coefficients[position] = 1
    field = inverse(coefficients)
    assert field.shape == (FLOW_SIZE, FLOW_SIZE, 2)
    # A cell of the grid is the mean of its 4x4 pixels but for the curvature that bilinear interpolation loses.
    grid = field.reshape(GRID, 4, GRID, 4, 2).mean((1, 3))
    np.testing.assert_allclose(grid[1:-1, 1:-1], _basis(position)[1:-1, 1:-1], atol=0.01)


def _basis(position: tuple[int, int, int]) -> Floats:
    """DCT-II from its definition."""
    component, u, v = position
    index = np.arange(GRID) + 0.5
    scale = [np.sqrt((1 if k == 0 else 2) / GRID) for k in (u, v)]
    grid = np.zeros((GRID, GRID, 2), np.float32)
    down, across = (np.cos(np.pi / GRID * k * index) for k in (u, v))
    grid[..., component] = scale[0] * scale[1] * down[:, None] * across[None]
    return grid


def test_a_smooth_field_survives_grid_and_transform() -> None:
    y, x = (np.mgrid[0:FLOW_SIZE, 0:FLOW_SIZE] + 0.5) / FLOW_SIZE
    field = np.stack((np.sin(2 * x + y), np.cos(x * y)), -1).astype(np.float32) * 0.1
    wide = cv2.resize(field, (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_LINEAR)
    grid = cv2.resize(wide, (GRID, GRID), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(inverse(transform(grid))[4:-4, 4:-4], field[4:-4, 4:-4], atol=2e-3)


def test_no_coefficients_are_no_flow() -> None:
    assert not inverse(np.zeros(COEFFICIENTS, np.float32)).any()


def test_low_frequencies_come_first_and_each_once() -> None:
    assert ORDER[:3] == [(0, 0), (0, 1), (1, 0)]
    assert len(set(ORDER)) == GRID * GRID
    sums = [u + v for u, v in ORDER]
    assert sums == sorted(sums)


@pytest.mark.parametrize("weight", ["even", "none", "one spot"])
def test_a_constant_field_is_constant_on_the_grid(weight: str) -> None:
    weights = np.zeros((PICTURE_SIDE, PICTURE_SIDE), np.float32)
    if weight == "even":
        weights[:] = 7
    elif weight == "one spot":
        weights[100:110, 30:40] = 1e6
    grid = to_grid(shifted((3, -5)), weights)
    assert grid.shape == (GRID, GRID, 2)
    expected = np.broadcast_to(np.array((3, -5)) * PIXEL, grid.shape)
    np.testing.assert_allclose(grid, expected, rtol=2e-3)


def test_textured_pixels_decide_their_cell() -> None:
    field, weights = np.zeros((PICTURE_SIDE, PICTURE_SIDE, 2), np.float32), np.ones((PICTURE_SIDE, PICTURE_SIDE))
    field[64:72, 64:72], weights[64:72, 64:72] = 1, 1e4
    grid = to_grid(field, weights.astype(np.float32))
    assert grid[4, 4, 0] > 0.9


def test_texture_sees_edges() -> None:
    picture = np.full((PICTURE_SIDE, PICTURE_SIDE), 90, np.uint8)
    assert not texture(picture).any()
    picture[:, 128:] = 200
    seen = texture(picture)
    assert seen[40, 128] > 100 * max(1e-6, float(seen[40, 40]))


@pytest.mark.parametrize("shift", [(4.0, 0.0), (0.0, -3.0), (-6.5, 2.25)])
def test_measured_flow_recovers_a_shift(shift: tuple[float, float]) -> None:
    reference = textured()
    driving = shrink(np.asarray(remap(reference, shifted(shift)), np.uint8))
    flow = FlowEstimator().measure(reference, driving, start=np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32))
    error = np.abs(flow - shifted(shift)[::2, ::2])[INNER, INNER] / PIXEL
    assert flow.shape == (FLOW_PICTURE, FLOW_PICTURE, 2)
    assert np.median(error) < 0.25
    assert error.mean() < 0.5


def test_a_start_reaches_what_is_too_far_to_be_found() -> None:
    reference, shift = textured(), (52.0, -40.0)
    driving = shrink(np.asarray(remap(reference, shifted(shift)), np.uint8))
    near = np.broadcast_to(np.array((50, -38), np.float32) * PIXEL, (FLOW_SIZE, FLOW_SIZE, 2)).copy()
    flow = FlowEstimator().measure(reference, driving, start=near)
    inner = slice(32, -32)
    assert np.median(np.abs(flow - shifted(shift)[::2, ::2])[inner, inner]) / PIXEL < 0.5


def test_remap_moves_by_whole_pixels() -> None:
    picture = textured()
    np.testing.assert_array_equal(remap(picture, shifted((0, 0))), picture)
    np.testing.assert_array_equal(remap(picture, shifted((3, 2)))[:-2, :-3], picture[2:, 3:])


def test_planes_are_moved_as_pictures_are() -> None:
    picture = np.stack((textured(), textured()[::-1], textured()[:, ::-1])).astype(np.float32)
    moved = remap_planes(picture[None], shifted((3.25, -2)))
    assert moved.shape == (1, *picture.shape)
    ys, xs = np.mgrid[: picture.shape[1], : picture.shape[2]].astype(np.float32)
    together = cv2.remap(
        picture.transpose(1, 2, 0).copy(), xs + 3.25, ys - 2, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    np.testing.assert_allclose(moved[0].transpose(1, 2, 0), together, atol=1e-3)


def test_widening_keeps_a_slope() -> None:
    """Centres of pixels stay where they are."""
    narrow, wide = ((np.arange(side, dtype=np.float32) + 0.5) / side for side in (FLOW_SIZE, PICTURE_SIDE))
    field = np.broadcast_to(narrow[:, None, None], (FLOW_SIZE, FLOW_SIZE, 2)).copy()
    np.testing.assert_allclose(widen(field, PICTURE_SIDE)[4:-4, 9], np.stack((wide, wide), -1)[4:-4], rtol=1e-5)
