"""What a long call was from moment to moment: trends, seconds put together, marks seen and heard."""

from typing import Any

import numpy as np
import pytest

from benchmarks.calls.soak.process import Usage
from benchmarks.calls.soak.series import apart, end_series, process_series, trend_of


def figures(*, fps: float, delay_ms: float | None, showing: str = "keypoints", received: int = 0) -> dict[str, Any]:
    flow = {"delay_ms": delay_ms, "delay_p95_ms": None if delay_ms is None else delay_ms + 10}
    return {
        "shown_fps": fps,
        "showing": showing,
        "keypoints": flow,
        "h264": {"delay_ms": 90.0, "delay_p95_ms": 99.0},
        "connection": {"in_kbps": 20.0},
        "sound": {"received": received, "concealed": received // 4},
    }


def test_a_leap_does_not_tilt_a_trend_and_what_grows_steadily_does() -> None:
    at_s = [float(5 * index) for index in range(60)]
    leaps = [100.0] * 30 + [180.0] + [100.0] * 29
    flat = trend_of(at_s, leaps, settle_s=0)
    assert flat is not None
    assert (flat.first, flat.last, flat.per_hour) == (100, 100, 0)
    grows = trend_of(at_s, [100 + at / 60 for at in at_s], settle_s=0)
    assert grows is not None
    assert grows.per_hour == pytest.approx(60)


def test_the_time_of_settling_and_what_is_not_known_are_left_out() -> None:
    at_s = [0.0, 5.0, 10.0, 15.0, 20.0]
    trend = trend_of(at_s, [900.0, 100.0, None, 100.0, 100.0], settle_s=5)
    assert trend is not None
    assert trend.first == 100
    assert trend_of(at_s, [1.0, None, None, None, 2.0], settle_s=0) is None


def test_time_on_the_cores_is_a_part_of_what_passed() -> None:
    usages = [Usage(memory_mb=5, threads=2, descriptors=3, cpu_s=spent) for spent in (1.0, 2.0, 2.0)]
    series = process_series("x", usages, [0.0, 4.0, 8.0])
    assert series.cpu_percent == pytest.approx((0, 25, 0))
    assert series.memory_mb == (5, 5, 5)


def test_seconds_are_put_together_by_sample_and_the_delay_is_of_the_codec_shown() -> None:
    lines = [
        figures(fps=10, delay_ms=200, received=100),
        figures(fps=20, delay_ms=300, received=200),
        figures(fps=25, delay_ms=None, showing="h264", received=300),
    ]
    series = end_series("x", lines, [2, 3, 3], marks=())
    assert series.fps == (15, 25, 0)
    assert series.delay_ms == (250, 90, None)
    assert series.delay_p95_ms == (260, 99, None)
    assert series.made_up_percent == pytest.approx((20, 20, 0))


def test_counts_that_begin_anew_with_another_call_are_no_loss() -> None:
    series = end_series("x", [figures(fps=1, delay_ms=1, received=n) for n in (400, 40)], [1, 2], marks=())
    assert series.made_up_percent[1] == 0


def test_sound_that_comes_after_its_picture_is_positive_and_a_burst_without_a_lean_is_none() -> None:
    shown_us = np.arange(0, 4_000_000, 40_000, dtype=np.int64)
    leans = np.where((shown_us >= 1_000_000) & (shown_us < 2_000_000), 0.5, -0.5).astype(np.float32)
    heard_us = np.arange(0, 4_000_000, 2_000, dtype=np.int64)
    level = np.zeros(len(heard_us), np.float32)
    for begins_us in (1_030_000, 1_980_000, 3_000_000):
        level[(heard_us >= begins_us) & (heard_us < begins_us + 120_000)] = 9000
    assert apart(leans, shown_us, heard_us, level) == [
        (pytest.approx(1.03), pytest.approx(30.0)),
        (pytest.approx(1.98), pytest.approx(-20.0)),
    ]
    assert apart(leans[:0], shown_us[:0], heard_us, level) == []
