"""Stage 10, display (as judged): the windows of mouth and eyes, and how far two of them are apart."""

from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.quality.expression import LIPS
from benchmarks.quality.face_mesh import Mesh, Square
from benchmarks.quality.lpips import Lpips
from benchmarks.quality.windows import EYE_PIXELS, MOUTH_PIXELS, FaceWindows, Window, face_windows, window_distances

SIDE = 256
IO = 30.0
WINDOWS = FaceWindows(Window(100, 100, 140, 130), (Window(90, 60, 110, 70), Window(130, 60, 150, 70)))


class MeanDifference:
    """Stands for LPIPS: how far the crops' means are apart; remembers what sizes it saw."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        self.sizes += [(a.shape[3], a.shape[2])] * len(a)
        return (a - b).mean((1, 2, 3)).abs()


def test_windows_lie_about_the_lips_and_the_eyes(template: NDArray[np.float64]) -> None:
    template = template.copy()
    template[list(LIPS)] = 0, 12
    windows = face_windows(Mesh(Square(0, 0, 1), template + 128, 9.0), side=SIDE)
    mouth = windows.mouth
    assert ((mouth.left + mouth.right) / 2, (mouth.top + mouth.bottom) / 2) == pytest.approx((128, 140), abs=0.5)
    assert (mouth.right - mouth.left, mouth.bottom - mouth.top) == pytest.approx((1.25 * IO, IO), abs=1)
    right, left = windows.eyes
    assert (right.left + right.right) / 2 == pytest.approx(118, abs=0.5)
    assert (left.left + left.right) / 2 == pytest.approx(138, abs=0.5)
    assert (left.right - left.left, left.bottom - left.top) == pytest.approx((0.75 * IO, IO / 2), abs=1)


@pytest.mark.parametrize("shift", [-400.0, 0.0, 252.0, 900.0])
def test_windows_hold_a_pixel_of_the_picture_wherever_the_face_is(template: NDArray[np.float64], shift: float) -> None:
    windows = face_windows(Mesh(Square(0, 0, 1), template + shift, 9.0), side=SIDE)
    for window in (windows.mouth, *windows.eyes):
        assert 0 <= window.left < window.right <= SIDE
        assert 0 <= window.top < window.bottom <= SIDE


def test_distances_are_those_within_the_windows() -> None:
    original = np.full((3, SIDE, SIDE, 3), 100, np.uint8)
    decoded = original.copy()
    decoded[0, :50] = 200  # in no window
    decoded[1, 100:130, 100:140] = 110
    decoded[1, 60:70, 90:110] = 104  # one eye of two
    lpips = MeanDifference()
    found = window_distances(original, decoded, [WINDOWS, WINDOWS, None], lpips=cast(Lpips, lpips))
    np.testing.assert_allclose(found.mouth_mse, [0, 100, np.nan])
    np.testing.assert_allclose(found.eyes_mse, [0, 8, np.nan])
    np.testing.assert_allclose(found.mouth_lpips, [0, 10, np.nan])
    np.testing.assert_allclose(found.eyes_lpips, [0, 2, np.nan])
    assert lpips.sizes == [MOUTH_PIXELS] * 2 + [EYE_PIXELS] * 4


def test_without_windows_or_networks_there_is_nothing() -> None:
    pictures = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    faceless = window_distances(pictures, pictures, [None, None], lpips=cast(Lpips, MeanDifference()))
    assert np.isnan(faceless.mouth_mse).all()
    assert np.isnan(window_distances(pictures, pictures, [WINDOWS, None], lpips=None).eyes_lpips).all()
