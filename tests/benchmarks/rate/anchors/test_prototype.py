"""Stage 3 to 9, for comparison: the unlearned prototype on the sample clip, and how its bits are counted."""

import math

import numpy as np
import pytest

from benchmarks.clips.clip import Clip, load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.quality.metrics import psnr_of_each
from benchmarks.rate.anchors.coded_clip import freeze
from benchmarks.rate.anchors.prototype import (
    Moved,
    Reference,
    bundle_bytes,
    in_use,
    inverse,
    references,
    run_prototype,
    symbol_bits,
    transform,
    warp,
)


@pytest.fixture(scope="module")
def sample() -> Clip:
    return load_clip(SAMPLE, size=256, seconds=1.6)


def moved(level: int, *, is_first: bool) -> Moved:
    symbols = np.zeros((2, 16, 16), np.int64)
    symbols[0, 0, 0] = level
    return Moved(symbols, is_first, np.zeros((2, 16, 16), np.float32))


def test_it_beats_freezing_and_costs_what_it_says(sample: Clip) -> None:
    coarse, fine = (run_prototype(sample, step=step) for step in (24.0, 6.0))
    frozen = psnr_of_each(sample.pictures, freeze(sample.pictures).pictures)[1:].mean()
    assert psnr_of_each(sample.pictures, fine.pictures)[1:].mean() > frozen + 1
    assert fine.motion_bytes > coarse.motion_bytes > 0
    assert fine.keyframe_bytes == fine.first_keyframe_bytes > fine.reference_bytes > 0
    assert fine.wire.out > fine.payload_bytes
    assert fine.wire.back % 93 == 0


def test_a_reference_is_used_a_quarter_of_a_second_after_its_picture(sample: Clip) -> None:
    coded = references(sample)
    assert [one.since for one in coded] == [0, 25 + 6]
    used = in_use(coded, len(sample.pictures))
    assert [used.index(one) for one in coded] == [0, 31]
    assert psnr_of_each(sample.pictures[25:26], coded[1].picture[None])[0] > 28


def test_no_reference_is_sent_that_would_never_be_used() -> None:
    pictures = np.full((27, 64, 64, 3), 120, np.uint8)
    assert len(references(Clip("short", 25.0, pictures))) == 1


def test_the_transform_keeps_a_constant_flow() -> None:
    flow = np.full((64, 64, 2), 3.0, np.float32)
    coefficients = transform(flow)
    assert coefficients[0, 0, 0] == pytest.approx(3 * 16)
    assert np.abs(coefficients).sum() == pytest.approx(2 * 3 * 16, rel=1e-5)
    np.testing.assert_allclose(inverse(coefficients, 64), flow, rtol=1e-5)


def test_warping_samples_where_the_flow_points() -> None:
    picture = np.arange(64, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    flow = np.zeros((64, 64, 2), np.float32)
    flow[..., 0] = 5
    np.testing.assert_array_equal(warp(picture, flow)[:, :59], picture[:, 5:])


def test_bits_are_the_entropy_of_each_kind_of_symbol() -> None:
    # the one coefficient that varies: among firsts 2 of 4 are 1, 1 of 4 is 2, 1 of 4 is 0; later ones are all 0
    firsts = [moved(level, is_first=True) for level in (1, 1, 2, 0)]
    frames = [frame for first in firsts for frame in (first, moved(0, is_first=False))]
    assert symbol_bits(frames) == pytest.approx([1, 0, 1, 0, 2, 0, 2, 0])
    assert bundle_bytes(frames) == [1, 1, 1, 1]
    assert bundle_bytes([moved(0, is_first=True), moved(0, is_first=False)]) == [0]


def test_a_kind_is_a_component_and_a_diagonal() -> None:
    frame = moved(0, is_first=True)
    frame.symbols[1, 0, 1] = 4  # one of the two coefficients on the second diagonal
    assert symbol_bits([frame]) == pytest.approx([2 * math.log2(2)])


def test_the_newest_reference_that_has_come_is_used() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    first, second = Reference(b"a", picture, 0), Reference(b"b", picture, 2)
    assert [one.data for one in in_use([first, second], 4)] == [b"a", b"a", b"b", b"b"]
