"""Stage 1, capture (bundled input): the clip that ships is small, complete, and shows a face that moves."""

import math
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.clips.clip import Clip, load_clip
from benchmarks.clips.sample import FPS, SAMPLE, SECONDS, cut_layers, load_portrait, pose_at, render
from benchmarks.quality.metrics import psnr_of_each
from codec.pictures.face import FaceDetector


@pytest.fixture(scope="module")
def sample() -> Clip:
    return load_clip(SAMPLE, size=512, seconds=60)


def test_the_clip_is_small_and_whole(sample: Clip) -> None:
    assert SAMPLE.stat().st_size <= 1_000_000
    assert sample.pictures.shape == (FPS * SECONDS, 512, 512, 3)
    assert sample.fps == FPS


def test_a_face_is_found_all_along(sample: Clip) -> None:
    detector = FaceDetector()
    for picture in sample.pictures[::10]:
        face = detector.detect(picture)
        assert face is not None
        assert 0.3 < face.w / 512 < 0.55


def test_the_head_moves_and_the_background_does_not(sample: Clip) -> None:
    pictures = sample.pictures
    assert psnr_of_each(pictures, pictures[:1].repeat(len(pictures), axis=0))[1:].mean() < 25
    corner = np.ascontiguousarray(pictures[:, :64, :64])
    assert psnr_of_each(corner, corner[:1].repeat(len(corner), axis=0)).min() > 35


def test_the_performance_loops_and_stays_in_range() -> None:
    poses = [pose_at(index / FPS) for index in range(FPS * SECONDS)]
    for before, after in pairwise([*poses, poses[0]]):
        assert abs(after.yaw - before.yaw) < 0.03
        assert math.dist(after.shift, before.shift) < 2
    assert min(p.blink for p in poses) == 0
    assert max(p.blink for p in poses) == 1
    assert min(p.jaw for p in poses) < -0.6
    assert max(p.jaw for p in poses) > 0.6


def test_the_script_still_renders_what_ships(sample: Clip) -> None:
    pytest.importorskip("skimage")
    layers = cut_layers(load_portrait())
    for index in (0, 34, 131):
        picture = render(layers, pose_at(index / FPS))
        assert psnr_of_each(picture[None], sample.pictures[index : index + 1])[0] > 32
