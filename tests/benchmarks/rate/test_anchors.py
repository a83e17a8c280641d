"""Stage 4 and 8, for comparison: every anchor codes in order, with one keyframe, near the asked rate."""

import pytest

from benchmarks.clips.clip import Clip
from benchmarks.errors import SettingError
from benchmarks.quality.metrics import psnr_of_each
from benchmarks.rate.anchors import ANCHORS, asked_kbps, run_anchor
from benchmarks.rate.coded_clip import CodedClip, freeze


def kbps(coded: CodedClip, clip: Clip) -> float:
    return coded.payload_bytes * 8 / 1000 / clip.seconds


@pytest.mark.parametrize("name", ANCHORS)
def test_an_anchor_decodes_near_the_asked_rate_and_gains_with_it(name: str, clip: Clip) -> None:
    low, high = run_anchor(name, clip, kbps=150), run_anchor(name, clip, kbps=600)
    for coded in (low, high):
        assert coded.pictures.shape == clip.pictures.shape
        assert coded.pictures.dtype == clip.pictures.dtype
        assert 0 < coded.keyframe_bytes < coded.payload_bytes
        assert coded.wire.out > coded.payload_bytes + 50 * len(clip.pictures) - 1
    # over half a second a controller has hardly settled: the right order of size is all that can be asked
    assert 40 < kbps(low, clip) < 600
    assert kbps(low, clip) < kbps(high, clip) < 1500
    quality_low, quality_high = (psnr_of_each(clip.pictures, coded.pictures) for coded in (low, high))
    assert quality_high.mean() > quality_low.mean()
    assert quality_high.min() > 18  # pictures in the right order: the texture a frame off scores less
    assert quality_low.mean() > psnr_of_each(clip.pictures, freeze(clip.pictures).pictures)[1:].mean()


def test_an_unknown_anchor_is_refused(clip: Clip) -> None:
    with pytest.raises(SettingError, match="unknown anchor 'h263'; there are x264, x265, vp9, svtav1"):
        run_anchor("h263", clip, kbps=10)


@pytest.mark.parametrize("name", ANCHORS)
def test_asked_rates_rise_and_are_larger_at_512(name: str) -> None:
    small, large = asked_kbps(name, size=256), asked_kbps(name, size=512)
    assert list(small) == sorted(small)
    assert all(a < b for a, b in zip(small, large, strict=True))


def test_freezing_costs_nothing_and_holds_the_first_picture(clip: Clip) -> None:
    frozen = freeze(clip.pictures)
    assert frozen.payload_bytes == frozen.wire.out == frozen.wire.back == 0
    assert (frozen.pictures == clip.pictures[0]).all()
