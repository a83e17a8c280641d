"""Crop: extract and paste are inverse, whole pixels are exact, nothing outside the frame is invented."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from codec.errors import ConfigError, PictureError
from codec.pictures.crop import Crop, centre_crop


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(noise(height, width), (0, 0), 6), np.uint8)


def test_a_crop_on_whole_pixels_is_a_slice() -> None:
    image = noise(90, 121)
    assert np.array_equal(Crop(50, 40, 64).extract(image, 64), image[8:72, 18:82])


def test_a_crop_of_the_same_size_is_the_picture() -> None:
    image = noise(256, 256)
    assert np.array_equal(centre_crop(256, 256).extract(image, 256), image)


def test_halving_averages_four_pixels() -> None:
    image = noise(512, 512)
    expected = cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA)
    assert np.array_equal(centre_crop(512, 512).extract(image, 256), expected)


def test_the_frame_edge_is_repeated_outside() -> None:
    image = np.full((40, 40, 3), 9, np.uint8)
    assert np.array_equal(Crop(0, 0, 64).extract(image, 32), np.full((32, 32, 3), 9, np.uint8))


def test_pasting_what_was_cut_changes_nothing_on_whole_pixels() -> None:
    image = noise(90, 121)
    crop = Crop(50, 40, 64)
    assert np.array_equal(crop.paste(image, crop.extract(image, 64)), image)


@pytest.mark.parametrize("crop", [Crop(60.3, 55.9, 70.5), Crop(60, 50, 61, 0.4), Crop(10, 5, 50, -1.2)])
@pytest.mark.parametrize("size", [64, 128])
def test_pasting_what_was_cut_is_close_anywhere(crop: Crop, size: int) -> None:
    image = smooth(110, 120)
    restored = crop.paste(image, crop.extract(image, size))
    assert np.abs(restored.astype(int) - image).max() <= 6


def test_paste_touches_only_the_square() -> None:
    image = noise(60, 60)
    pasted = Crop(30, 30, 20).paste(image, np.zeros((32, 32, 3), np.uint8))
    assert not pasted[20:40, 20:40].any()
    pasted[20:40, 20:40] = image[20:40, 20:40]
    assert np.array_equal(pasted, image)


@given(
    st.floats(-1e3, 1e3),
    st.floats(-1e3, 1e3),
    st.floats(1, 1e3),
    st.floats(-math.pi, math.pi),
    st.integers(8, 600),
)
def test_the_matrices_are_inverse(cx: float, cy: float, side: float, angle: float, size: int) -> None:
    crop = Crop(cx, cy, side, angle)
    centre = crop.matrix(size) @ (cx, cy, 1)
    assert centre == pytest.approx((size / 2, size / 2), abs=1e-6)
    there = crop.matrix(size) @ (cx + 3, cy - 2, 1)
    assert crop.inverse(size) @ (*there, 1) == pytest.approx((cx + 3, cy - 2), abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(7, 9), (720, 1280), (33, 32), (1, 5)])
def test_the_centre_crop_lies_inside_on_whole_pixels(height: int, width: int) -> None:
    crop = centre_crop(height, width)
    side = min(height, width)
    left, top = crop.cx - side / 2, crop.cy - side / 2
    assert (left, top) == (int(left), int(top))
    assert 0 <= left <= width - side
    assert 0 <= top <= height - side


@pytest.mark.parametrize("side", [0, -1, math.nan, math.inf])
def test_a_crop_without_a_side_is_refused(side: float) -> None:
    with pytest.raises(ConfigError):
        Crop(1, 1, side)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (0, 8, 3)])
def test_other_arrays_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError):
        Crop(4, 4, 4).extract(np.zeros(shape, np.uint8), 8)
