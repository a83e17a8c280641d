"""Stage 4 and 8, for comparison: which anchors there are, and at which settings they run."""

from dataclasses import replace
from typing import get_args

import pytest

from benchmarks.errors import SettingError
from benchmarks.rate.anchors import setups
from benchmarks.rate.anchors.setups import ANCHORS, Way, anchor, anchor_points, best_anchor
from benchmarks.rate.results.rows import way
from codec.units import SIZES


def test_an_unknown_anchor_is_refused() -> None:
    with pytest.raises(SettingError, match="unknown anchor 'h263'; there are x264, x265, vp9, svtav1, svtav1-p4"):
        anchor("h263")


def test_an_anchor_that_ffmpeg_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for lacking in ({"encoder": "libnosuch"}, {"decoder": "libnosuch"}):
        monkeypatch.setattr(setups, "ANCHORS", {"x264": replace(ANCHORS["x264"], **lacking)})
        with pytest.raises(SettingError, match=r"lacks the anchor x264, leave it out of --anchors: .*libnosuch"):
            anchor("x264")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ANCHORS)
def test_settings_are_told_apart_and_coarser_by_and_by(name: str, size: int) -> None:
    points = anchor_points(name, size=size)
    assert len({point.setting(size) for point in points}) == len(points)
    ways: dict[tuple[Way, bool], list[int]] = {}
    for point in points:
        ways.setdefault((point.way, point.sharp), []).append(point.crf)
    assert all(len(ways[way, False]) >= 2 for way in get_args(Way))
    assert all(crfs == sorted(crfs) for crfs in ways.values())


def test_a_setting_says_what_pictures_the_codec_was_given() -> None:
    by_way = {point.way: point for point in anchor_points("svtav1", size=512) if not point.sharp}
    crfs = {way: point.crf for way, point in by_way.items()}
    assert by_way["full"].setting(512) == f"crf {crfs['full']}"
    assert by_way["half rate"].setting(512) == f"crf {crfs['half rate']}, half rate"
    assert by_way["half size"].setting(512) == f"crf {crfs['half size']}, 256x256"


@pytest.mark.parametrize("name", ["svtav1", "svtav1-p4"])
def test_av1_is_run_sharp_as_well_and_says_so(name: str) -> None:
    setup, points = anchor(name), anchor_points(name, size=256)
    assert setup.tuned(sharp=False) is setup
    differing = {key for key, value in setup.tuned(sharp=True).options.items() if value != setup.options[key]}
    assert differing == {"svtav1-params"}
    sharp = [point for point in points if point.sharp]
    assert {way(point.setting(256)) for point in sharp} == {"sharp", "half rate, sharp"}
    assert anchor("x264").tuned(sharp=True) is anchor("x264")


def test_the_best_anchor_is_av1_at_the_preset_of_calls() -> None:
    assert best_anchor(tuple(ANCHORS)) == "svtav1"
    assert best_anchor(("x264", "svtav1-p4")) == "svtav1-p4"
    assert best_anchor(()) is None
