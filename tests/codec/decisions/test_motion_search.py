"""Motion search: what it measures errors with. What it finds is tested through the encoder."""

import numpy as np
import numpy.typing as npt
import pytest

from codec.decisions.attention import View, attention, warp_psnr, weighted_psnr
from codec.motion.flow import FLOW_PICTURE, PICTURE_SIDE, shrink
from codec.motion.parameters import FEATURE_POINTS, FLOW_SIZE, KEYPOINTS

STILL = np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32)


def picture(seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8)


def points() -> npt.NDArray[np.float32]:
    """A face around the middle, its features to the left."""
    result = np.random.default_rng(1).normal(0, 0.3, (KEYPOINTS, 3)).astype(np.float32)
    result[:FEATURE_POINTS, 0] = -np.abs(result[:FEATURE_POINTS, 0])
    return result


def test_attention_is_for_the_features() -> None:
    weights = attention(points())
    assert weights.shape == (FLOW_PICTURE, FLOW_PICTURE)
    assert weights.mean() == pytest.approx(1, abs=1e-3)
    assert weights[:, :64].mean() > weights[:, 64:].mean()
    x, y, _ = points()[0]
    assert weights[int(64 * (y + 1)), int(64 * (x + 1))] > 2 * weights[-1, -1]


def test_equal_pictures_have_no_error() -> None:
    view = View.of(picture(), points=points())
    assert weighted_psnr(view.colour, view) == 100
    assert warp_psnr(view, view, STILL) == 100


def test_errors_weigh_as_much_as_attention_says() -> None:
    view = View.of(picture() // 2, points=points())
    off = view.colour.copy()
    off[40:50, 60:70] += 16
    mean = (view.attention[40:50, 60:70] * 16.0**2).sum() / FLOW_PICTURE**2
    assert weighted_psnr(off, view) == pytest.approx(10 * np.log10(255**2 / mean), abs=1e-3)


def test_a_still_warp_is_the_picture() -> None:
    view, other = View.of(picture(), points=points()), View.of(picture(2))
    assert warp_psnr(view, other, STILL) == pytest.approx(weighted_psnr(other.colour, view))


def test_a_large_picture_is_seen_at_the_size_of_the_search() -> None:
    large = picture().repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(View.of(large).colour, shrink(picture()))
    np.testing.assert_array_equal(View.of(large).grey, View.of(picture()).grey)
