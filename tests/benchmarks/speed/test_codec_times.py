"""Stages 2 to 9, timed: the pictures that the codec is timed on."""

from benchmarks.clips.clip import load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.speed.codec_times import CAMERA, camera_picture


def test_the_camera_gives_a_whole_picture() -> None:
    picture = camera_picture(load_clip(SAMPLE, size=256, seconds=0.1).pictures[0])
    assert picture.shape == (*CAMERA, 3)
