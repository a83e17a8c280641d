"""Stage 2, crop: finds the face now and then, follows it, and keeps the crop where it is while it can."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from codec.pictures.crop import Crop, centre_crop
from codec.pictures.face import FaceBox, crop_for_face
from codec.units import PTS_PER_S
from sender.crop.face_search import FaceFinder, Look, Looks

__all__ = ["FaceFollower", "FollowRules", "Followed"]


Placement = Literal["auto", "face", "centre"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowRules:
    """Times in seconds of the pictures' own clock; distances as fractions of the crop's side."""

    look_every_s: float = 0.2  # while the face is there and still; in each picture otherwise
    patience_s: float = 0.35  # of looking in vain, before the face is reported lost
    patience_looks: int = 2
    stray: float = 0.12  # the face may stray so far from the middle before the crop moves
    grow: float = 1.3  # and its size may change by this factor
    settle: float = 0.02  # a moving crop has arrived when it is this near
    glide_s: float = 0.25  # time constant of the movement
    home_after_s: float = 3.0  # a crop without a face goes back to the middle of the picture


@dataclass(frozen=True, slots=True)
class Followed:
    """Where to crop, and whether a face is there."""

    crop: Crop
    found: bool


class FaceFollower:
    """Follows one face through pictures of one source.

    `placement` "face" follows it, "centre" only reports whether there is one, "auto" is "centre" for square pictures
    (they are cropped already) and "face" for others. Where the crop stays and nobody asks whether there is a face
    (`reports` False), one is taken for granted and not looked for.

    A look takes as long as coding a picture. So the first one is waited for, because it places the crop, and later ones
    are made by `looks` meanwhile: what they find moves the crop of the picture after.
    """

    def __init__(
        self,
        finder: FaceFinder,
        *,
        placement: Placement = "auto",
        reports: bool = True,
        rules: FollowRules | None = None,
        looks: Looks | None = None,
    ) -> None:
        self._finder = finder
        self._looks = looks or Looks()
        self._placement = placement
        self._reports = reports
        self._rules = rules or FollowRules()
        self._shape: tuple[int, int] | None = None
        self._crop = Crop(0.0, 0.0, 1.0)
        self._target: Crop | None = None
        self._pts = 0
        self._looked_pts: int | None = None
        self._seen_pts: int | None = None
        self._looks_in_vain = 0
        self._face: FaceBox | None = None  # that is followed, where it was last seen

    def follow(self, image_rgb: npt.NDArray[np.uint8], *, pts: int, every: float = 1.0) -> Followed:
        """Where to crop uint8 (H, W, 3), taken at `pts` (1/90000 s); a picture of another shape starts anew.

        Where only each `every`-th picture comes, for want of time, looks are as much further apart.
        """
        height, width = image_rgb.shape[:2]
        if self._shape != (height, width):
            self._start(height, width)
        elapsed_s = (pts - self._pts) / PTS_PER_S
        self._pts = pts
        if not (self._follows or self._reports):
            return Followed(self._crop, True)
        first = self._looked_pts is None
        if not first:
            self._see(self._looks.take())
        if self._is_time_to_look(pts, every):
            self._looks.begin(
                self._finder, image_rgb, pts=pts, near=self._face if self._is_there(pts) else None, wait=first
            )
            self._looked_pts = pts
            self._see(self._looks.take())
        if self._follows:
            self._move(elapsed_s, pts)
        return Followed(self._crop, self._is_there(pts))

    @property
    def _follows(self) -> bool:
        is_square = self._shape is not None and self._shape[0] == self._shape[1]
        return self._placement == "face" or (self._placement == "auto" and not is_square)

    def _start(self, height: int, width: int) -> None:
        self._shape = (height, width)
        self._crop, self._target = centre_crop(height, width), None
        self._looked_pts = self._seen_pts = None
        self._looks_in_vain = 0

    def _is_time_to_look(self, pts: int, every: float) -> bool:
        if self._looked_pts is not None and self._looks.is_busy:
            return False
        if self._looked_pts is None or self._looks_in_vain or self._target is not None:
            return True
        return pts - self._looked_pts >= round(self._rules.look_every_s * every * PTS_PER_S)

    def _see(self, look: Look | None) -> None:
        """Takes in what a look found; the first face is taken at once, later ones are glided to."""
        if look is None:
            return
        if look.box is None:
            self._looks_in_vain += 1
            return
        assert self._shape is not None
        self._face = look.box
        wanted = crop_for_face(look.box, *self._shape)
        first, self._seen_pts, self._looks_in_vain = self._seen_pts is None, look.pts, 0
        if first and self._follows:
            self._crop, self._target = wanted, None
        elif self._target is not None or self._strays(wanted):
            self._target = wanted

    def _is_there(self, pts: int) -> bool:
        if self._seen_pts is None:
            return False
        missed_s = (pts - self._seen_pts) / PTS_PER_S
        return self._looks_in_vain < self._rules.patience_looks or missed_s < self._rules.patience_s

    def _strays(self, wanted: Crop) -> bool:
        apart = math.hypot(wanted.cx - self._crop.cx, wanted.cy - self._crop.cy) / self._crop.side
        growth = max(wanted.side / self._crop.side, self._crop.side / wanted.side)
        return apart > self._rules.stray or growth > self._rules.grow

    def _move(self, elapsed_s: float, pts: int) -> None:
        """One step towards the target: what is left shrinks by exp(-elapsed / glide)."""
        assert self._shape is not None
        if self._seen_pts is not None and (pts - self._seen_pts) / PTS_PER_S >= self._rules.home_after_s:
            self._seen_pts = None  # the next face is a new one
            self._target = centre_crop(*self._shape)
        if self._target is None:
            return
        left = math.exp(-max(elapsed_s, 0.0) / self._rules.glide_s)
        crop, target = self._crop, self._target
        moved = replace(
            crop,
            cx=target.cx + (crop.cx - target.cx) * left,
            cy=target.cy + (crop.cy - target.cy) * left,
            side=target.side + (crop.side - target.side) * left,
        )
        apart = math.hypot(target.cx - moved.cx, target.cy - moved.cy) / target.side
        if apart <= self._rules.settle and abs(target.side / moved.side - 1) <= 2 * self._rules.settle:
            self._target = None  # arrived: it stays here, not on the last jitter of the detector
        self._crop = moved
