"""Stage 4 and 8, for comparison: every anchor codes in order, picture by picture, with one keyframe."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.clips.clip import Clip, load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import EncoderFailed
from benchmarks.quality.metrics import psnr_of_each
from benchmarks.rate.anchors.coded_clip import CodedClip, freeze
from benchmarks.rate.anchors.coder import decode, given, run_anchor, shown
from benchmarks.rate.anchors.encoder import encode, without_supplements
from benchmarks.rate.anchors.setups import ANCHORS, AnchorPoint, anchor_points


def quality(coded: CodedClip, clip: Clip) -> float:
    return float(psnr_of_each(clip.pictures, coded.pictures).mean())


@pytest.mark.parametrize("name", ANCHORS)
def test_an_anchor_gives_each_picture_at_once_and_one_keyframe(name: str, clip: Clip) -> None:
    crf = anchor_points(name, size=256)[0].crf
    coded = encode(ANCHORS[name], clip, crf=crf).pictures  # which itself insists on a packet for each picture
    assert [picture.is_keyframe for picture in coded] == [True] + [False] * (len(clip.pictures) - 1)
    decoded = decode(ANCHORS[name], coded)
    assert decoded.shape == clip.pictures.shape
    # nothing of a picture comes later: those decoded so far are what they are in the whole
    assert (decode(ANCHORS[name], coded[:5]) == decoded[:5]).all()


def test_an_encoder_that_refuses_or_holds_pictures_back_is_named(clip: Clip) -> None:
    setup = ANCHORS["x264"]
    refused = replace(setup, options={**setup.options, "profile": "nosuch"})
    with pytest.raises(EncoderFailed, match="libx264 failed on texture at crf 40: "):
        encode(refused, clip, crf=40)
    delayed = replace(setup, options={"crf": "{crf}", "preset": "medium"})
    with pytest.raises(EncoderFailed, match="libx264 gave 0 packets for picture 0: no low delay"):
        encode(delayed, clip, crf=40)


def test_each_picture_is_told_of_when_it_is_coded(clip: Clip) -> None:
    ticks: list[None] = []
    encode(ANCHORS["x264"], clip, crf=40, tick=lambda: ticks.append(None))
    assert len(ticks) == len(clip.pictures)


@pytest.mark.parametrize("name", ANCHORS)
def test_finer_settings_cost_more_and_show_more(name: str, clip: Clip) -> None:
    finest, *_, coarsest = (point for point in anchor_points(name, size=256) if point.way == "full" and not point.sharp)
    fine, coarse = run_anchor(finest, clip), run_anchor(coarsest, clip)
    for coded in (fine, coarse):
        assert coded.pictures.dtype == clip.pictures.dtype
        assert 0 < coded.keyframe_bytes == coded.first_keyframe_bytes < coded.payload_bytes
        assert coded.wire.out >= coded.payload_bytes + 50 * len(clip.pictures)
    assert coarse.payload_bytes < fine.payload_bytes
    assert quality(coarse, clip) < quality(fine, clip)
    assert psnr_of_each(clip.pictures, fine.pictures).min() > 18  # in order: the texture a frame off scores less


@pytest.mark.parametrize("name", ANCHORS)
def test_half_the_rate_and_half_the_side_cost_less(name: str) -> None:
    clip = load_clip(SAMPLE, size=256, seconds=0.4)
    crf = anchor_points(name, size=256)[0].crf
    full, rarely, small = (run_anchor(AnchorPoint(name, crf, way), clip) for way in ("full", "half rate", "half size"))
    assert rarely.pictures.shape == small.pictures.shape == clip.pictures.shape
    assert (rarely.pictures[1::2] == rarely.pictures[:-1:2]).all()
    assert max(rarely.payload_bytes, small.payload_bytes) < full.payload_bytes
    assert rarely.wire.out - rarely.payload_bytes < full.wire.out - full.payload_bytes  # fewer packets
    assert psnr_of_each(clip.pictures, small.pictures).min() > 25


def test_sharp_is_another_stream_of_the_same_pictures(clip: Clip) -> None:
    plain, sharp = (run_anchor(AnchorPoint("svtav1", 50, sharp=sharp), clip) for sharp in (False, True))
    assert (plain.pictures != sharp.pictures).any()
    assert quality(sharp, clip) > 18


def test_what_is_reduced_is_shown_at_the_clips_rate_and_size() -> None:
    ramp = np.linspace(0, 245, 64)[:, None] + np.arange(5)[:, None, None, None]
    clip = Clip("ramp", 30.0, np.broadcast_to(ramp, (5, 64, 64, 3)).astype(np.uint8))
    rarely = given(clip, "half rate")
    assert (rarely.fps, rarely.seconds) == (15, pytest.approx(3 / 15))
    assert (shown(rarely.pictures, clip, "half rate") == clip.pictures[[0, 0, 2, 2, 4]]).all()
    small = given(clip, "half size")
    assert small.pictures.shape == (5, 32, 32, 3)
    enlarged = shown(small.pictures, clip, "half size")
    assert np.abs(enlarged.astype(int) - clip.pictures).max() <= 6
    assert given(clip, "full") is clip
    assert shown(clip.pictures, clip, "full") is clip.pictures


def test_supplements_are_cut_out_and_the_pictures_stay(clip: Clip) -> None:
    sei, picture, parameters = b"\0\0\1\x06about me", b"\0\0\1\x65coded\0\0\3\1", b"\0\0\0\1\x67profile"
    assert without_supplements(parameters + sei + picture + sei) == parameters + picture
    assert without_supplements(picture) == picture
    first = encode(ANCHORS["x264"], replace(clip, pictures=clip.pictures[:1]), crf=40).pictures[0]
    assert b"x264" not in first.data


def test_freezing_costs_nothing_and_holds_the_first_picture(clip: Clip) -> None:
    frozen = freeze(clip.pictures)
    assert frozen.payload_bytes == frozen.wire.out == frozen.wire.back == 0
    assert (frozen.pictures == clip.pictures[0]).all()
