"""Stage 1, capture (from a file): the copy that a poor webcam would have made."""

import numpy as np

from benchmarks.clips.clip import Clip
from benchmarks.clips.degraded import DARKER, NOISE, as_webcam


def flat(level: int, *, frames: int = 10, fps: float = 25.0) -> Clip:
    return Clip(name="flat", fps=fps, pictures=np.full((frames, 64, 64, 3), level, np.uint8))


def test_two_stops_are_a_quarter_of_the_light() -> None:
    assert DARKER[0] == 0
    np.testing.assert_allclose(DARKER[255], 136.96, atol=0.05)  # 255 (1.055 * 0.25 ** (1 / 2.4) - 0.055)
    assert (np.diff(DARKER) > 0).all()


def test_it_is_slower_darker_and_noisy() -> None:
    seen = as_webcam(flat(200))
    assert (seen.name, seen.fps, len(seen.pictures)) == ("flat-webcam", 15.0, 6)
    assert seen.pictures.dtype == np.uint8
    np.testing.assert_allclose(seen.pictures.mean(), DARKER[200], atol=1)
    assert 0.5 < seen.pictures.std() < NOISE  # what JPEG leaves of it
    assert (seen.pictures[0] != seen.pictures[1]).any()


def test_it_is_the_same_each_time_and_no_faster_than_the_clip() -> None:
    np.testing.assert_array_equal(as_webcam(flat(90)).pictures, as_webcam(flat(90)).pictures)
    slow = as_webcam(flat(90, fps=10.0))
    assert (slow.fps, len(slow.pictures)) == (10.0, 10)
