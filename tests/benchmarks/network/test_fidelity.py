"""Pictures as they were shown, against those of the clip that was due at their time."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.clips.clip import Clip
from benchmarks.network.fidelity import KEPT_EACH, Keeper, shown_psnr
from codec.pictures.psnr import psnr_db


def test_each_picture_is_held_against_its_own_moment(tmp_path: Path) -> None:
    draws = np.random.default_rng(1)
    clip = Clip("clip", 25.0, draws.integers(0, 256, (50, 16, 16, 3), np.uint8))
    keeper, expected = Keeper(tmp_path / "shown"), []
    for index in range(2 * len(clip.pictures)):  # it plays twice
        original = clip.pictures[index % 50]
        shown = np.asarray(np.clip(original.astype(int) + index % 7, 0, 255), np.uint8)
        keeper.see(index * 3600 + (900 if index % 2 else -900), shown)
        if index % KEPT_EACH == 0 and index:
            expected.append(psnr_db(shown, original))
    counted = {index * 3600 + (900 if index % 2 else -900) for index in range(1, 100)}
    assert shown_psnr(tmp_path / "shown", clip, counted=counted) == pytest.approx(np.mean(expected))
    assert shown_psnr(tmp_path / "shown", clip, counted=()) is None
