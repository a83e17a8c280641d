"""Stage 10, quality (offline): pictures that a viewer showed, against what the camera saw at their time."""

from collections.abc import Collection
from math import floor
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.clips.clip import Clip
from codec.pictures.psnr import psnr_db
from codec.units import PTS_PER_S, Image

__all__ = ["KEPT_EACH", "Keeper", "shown_psnr"]

KEPT_EACH = 10  # one of so many pictures is kept: comparing takes no time of the call


class Keeper:
    """Keeps some of the pictures that are shown, as files named by their time stamps."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._seen = folder, 0
        folder.mkdir(exist_ok=True)

    def see(self, pts: int, image_rgb: Image) -> None:
        """One that was decoded, not mixed of its neighbours."""
        if self._seen % KEPT_EACH == 0:
            np.save(self._folder / f"{pts}.npy", image_rgb)
        self._seen += 1


def shown_psnr(folder: Path, clip: Clip, *, counted: Collection[int]) -> float | None:
    """Mean PSNR of those whose time stamps count, dB over RGB; None where none does, or all are of another size.

    `clip` is what plays in the camera's place, in a loop, as many pictures a second as it says. A time stamp may be
    half a picture off: of the two at either side the better counts.
    """
    shown = {int(path.stem): np.load(path) for path in folder.glob("*.npy") if int(path.stem) in counted}
    alike = {pts: image_rgb for pts, image_rgb in shown.items() if image_rgb.shape == clip.pictures[0].shape}
    values = [_psnr(image_rgb, floor(pts * clip.fps / PTS_PER_S), clip) for pts, image_rgb in alike.items()]
    return mean(values) if values else None


def _psnr(image_rgb: Image, before: int, clip: Clip) -> float:
    return max(psnr_db(image_rgb, clip.pictures[index % len(clip.pictures)]) for index in (before, before + 1))
