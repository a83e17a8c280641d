"""Stage 3 to 10, offline: what the rate benchmark runs on a clip, and the picture it keeps."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.clips.clip import load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import SettingError
from benchmarks.rate.operating_points import RateSettings, operating_points
from benchmarks.rate.results.rows import BASE, FACEWIRE, FREEZE, PERCEPTUAL, PROTOTYPE, SHUFFLED, SINGLE
from benchmarks.rate.run import telling_frame
from codec import CodecConfig
from codec.errors import ConfigError


def test_without_the_residual_there_is_no_second_base_row() -> None:
    listed = operating_points(RateSettings(anchors=(), residual=False, prototype_steps=()))
    assert [point.codec for point in listed] == [FREEZE, FACEWIRE, FACEWIRE, FACEWIRE, SINGLE]
    single = RateSettings(anchors=(), residual=False, references="single", prototype_steps=())
    assert [point.codec for point in operating_points(single)] == [FREEZE, FACEWIRE, FACEWIRE, FACEWIRE]
    listed = operating_points(RateSettings(anchors=(), qps=(44, 20, 32), prototype_steps=(8.0,)))
    expected = [(FACEWIRE, "qp 44"), (BASE, "qp 32"), (SINGLE, f"qp {CodecConfig.preset('one-keyframe').qp}")]
    assert [(point.codec, point.setting) for point in listed[-3:]] == expected
    assert (listed[1].codec, listed[1].setting) == (PROTOTYPE, "step 8")
    tuned = operating_points(RateSettings(anchors=(), qps=(32,), perceptual_qps=(44, 20), prototype_steps=()))
    assert [(point.codec, point.setting) for point in tuned[2:4]] == [(PERCEPTUAL, "qp 20"), (PERCEPTUAL, "qp 44")]
    controlled = operating_points(RateSettings(anchors=(), prototype_steps=()), shuffled=True)
    assert [point.codec for point in controlled[-2:]] == [SINGLE, SHUFFLED]


def test_the_telling_frame_is_the_one_least_like_the_first() -> None:
    clip = load_clip(SAMPLE, size=256, seconds=1)
    far = np.clip(clip.pictures[10].astype(int) + 30, 0, 255).astype(np.uint8)
    faceless = np.full_like(far, 128)
    pictures = np.stack([clip.pictures[0], clip.pictures[4], far, faceless])
    assert telling_frame(replace(clip, pictures=pictures)) == 2
    assert telling_frame(replace(clip, pictures=pictures[[3, 3]])) in (0, 1)


@pytest.mark.parametrize(
    "wrong", [{"qps": ()}, {"seconds": 0}, {"prototype_steps": (0.0,)}, {"every": 0}, {"anchors": ("h263",)}]
)
def test_settings_check_themselves(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        RateSettings(**wrong)  # type: ignore[arg-type]


def test_a_qp_out_of_range_is_the_codecs_error() -> None:
    with pytest.raises(ConfigError):
        operating_points(RateSettings(qps=(99,)))
