"""Stage 10, display (as judged): XPSNR weighs errors by what is seen, and PSNR's decibels are its scale."""

import av.filter
import numpy as np
import pytest

from benchmarks.clips.clip import Clip
from benchmarks.quality.metrics import measure, psnr_of_each
from benchmarks.quality.xpsnr import has_xpsnr, xpsnr_of_each


def test_equal_pictures_have_a_hundred_decibels(clip: Clip) -> None:
    assert xpsnr_of_each(clip.pictures, clip.pictures) == pytest.approx([100] * len(clip.pictures))


def test_it_falls_as_noise_grows_and_has_a_number_for_each_picture(clip: Clip) -> None:
    noise = np.random.default_rng(1).normal(0, 1, clip.pictures.shape)
    noisy = [np.clip(clip.pictures + level * noise, 0, 255).astype(np.uint8) for level in (2, 8, 20)]
    found = [xpsnr_of_each(clip.pictures, pictures) for pictures in noisy]
    assert [values.shape for values in found] == [(len(clip.pictures),)] * 3
    means = [float(values.mean()) for values in found]
    assert means[0] > means[1] > means[2]
    assert abs(means[1] - psnr_of_each(clip.pictures, noisy[1]).mean()) < 15


def test_the_same_error_weighs_more_where_the_original_is_smooth() -> None:
    rng = np.random.default_rng(2)
    original = np.full((2, 256, 256, 3), 120, np.uint8)
    original[:, :, 128:] = rng.integers(40, 200, (256, 128, 1))  # busy on the right
    error = rng.integers(-6, 7, (256, 128, 1))
    smooth, busy = original.astype(int), original.astype(int)
    smooth[:, :, :128] += error
    busy[:, :, 128:] += error
    values = [xpsnr_of_each(original, pictures.astype(np.uint8)).mean() for pictures in (smooth, busy)]
    assert psnr_of_each(original, smooth.astype(np.uint8)).mean() == pytest.approx(
        psnr_of_each(original, busy.astype(np.uint8)).mean()
    )
    assert values[0] < values[1] - 1


def test_it_is_measured_where_ffmpeg_has_it(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = clip.pictures[:, ::-1].copy()
    assert has_xpsnr()
    found = measure(clip.pictures, decoded).xpsnr_db
    assert found == pytest.approx(xpsnr_of_each(clip.pictures, decoded).mean())
    monkeypatch.setattr(av.filter, "filters_available", set())
    assert measure(clip.pictures, decoded).xpsnr_db is None
