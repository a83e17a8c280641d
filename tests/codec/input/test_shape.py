"""Anamorphic video becomes square-pixelled, for each reader."""

from fractions import Fraction
from typing import Any

import cv2
import pytest

from codec.input.video import probe_video


@pytest.mark.parametrize(
    ("stored", "aspect", "shown"),
    [
        ((144, 180), Fraction(64, 45), (144, 256)),  # PAL 16:9, at a quarter
        ((144, 180), Fraction(16, 15), (144, 192)),
        ((120, 180), Fraction(8, 9), (135, 180)),  # NTSC 4:3
        ((120, 180), Fraction(1), (120, 180)),
        ((120, 180), Fraction(1, 100), (120, 180)),  # no camera's: taken for an error in the file
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_pixels_become_square(
    make: Any, picture: Any, reads: Any, alike: Any, name: str, stored: Any, aspect: Fraction, shown: Any
) -> None:
    path = make(name, [picture(*stored)] * 2, sample_aspect_ratio=aspect)
    image, _ = reads(path)[0]
    assert image.shape[:2] in (shown, (min(shown),) * 2)
    stretched = picture(*stored)
    if shown != stored:
        stretched = cv2.resize(stretched, shown[::-1])
    alike(image, stretched, within=3)


def test_a_turned_anamorphic_video_is_stretched_before_it_is_turned(make: Any, turn: Any, picture: Any) -> None:
    path = turn(make("a.mp4", [picture(144, 180)] * 2, sample_aspect_ratio=Fraction(64, 45)), (0, 1, -1, 0))
    info = probe_video(path)
    assert (info.width, info.height) == (144, 256)
