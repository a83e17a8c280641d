"""Stage 10, display (as judged): metrics against values worked out by hand and by scikit-image."""

import numpy as np
import pytest

from benchmarks.clips.clip import Clip
from benchmarks.quality.metrics import measure, psnr_of_each

C1 = (0.01 * 255) ** 2


def flat(level: int, frames: int = 2) -> np.ndarray:
    return np.full((frames, 176, 176, 3), level, np.uint8)


def test_equal_pictures_are_perfect() -> None:
    quality = measure(flat(90), flat(90))
    assert quality.psnr_db == 100
    assert quality.ssim == pytest.approx(1)
    assert quality.ms_ssim == pytest.approx(1)
    assert quality.lpips is None


def test_psnr_of_a_known_error() -> None:
    original, decoded = flat(100), flat(100)
    decoded[0] += 1
    decoded[1, :88] += 10
    # 10 log10(255^2 / 1), and 10 log10(255^2 / 50): half the samples are off by ten
    np.testing.assert_allclose(psnr_of_each(original, decoded), [48.1308, 31.1411], atol=1e-4)


def test_psnr_has_no_wrap_around() -> None:
    np.testing.assert_allclose(psnr_of_each(flat(0), flat(255)), 0, atol=1e-9)


def test_psnr_is_a_mean_of_decibels_over_all_frames() -> None:
    original, decoded = flat(100, frames=4), flat(101, frames=4)
    decoded[1] = 110
    expected = (3 * 48.1308 + 28.1308) / 4
    assert measure(original, decoded).psnr_db == pytest.approx(expected, abs=1e-3)


def test_ssim_of_flat_pictures_is_its_luminance_term() -> None:
    quality = measure(flat(60), flat(120))
    luminance = (2 * 60 * 120 + C1) / (60**2 + 120**2 + C1)
    assert quality.ssim == pytest.approx(luminance, abs=1e-4)
    # five scales; contrast and structure are 1 everywhere, luminance counts at the coarsest with weight 0.1333
    assert quality.ms_ssim == pytest.approx(luminance**0.1333, abs=1e-4)


def test_ssim_is_taken_from_every_third_frame() -> None:
    original, decoded = flat(60, frames=4), flat(60, frames=4)
    decoded[1:3] = 200
    assert measure(original, decoded).ssim == pytest.approx(1)
    assert measure(original, decoded, every=1).ssim < 0.9


def test_ssim_agrees_with_scikit_image(clip: Clip) -> None:
    reference = pytest.importorskip("skimage.metrics")
    noise = np.random.default_rng(1).integers(-20, 20, clip.pictures[:1].shape)
    decoded = np.clip(clip.pictures[:1] + noise, 0, 255).astype(np.uint8)
    expected = reference.structural_similarity(
        clip.pictures[0], decoded[0], channel_axis=2, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=255,
    )  # fmt: skip
    assert measure(clip.pictures[:1], decoded).ssim == pytest.approx(expected, abs=1e-4)
