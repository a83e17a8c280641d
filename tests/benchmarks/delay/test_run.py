"""Stages 1 to 10, timed: what is made of meters and of the pictures' own delays."""

from typing import Any

import pytest

from benchmarks.calls.call import CallRun
from benchmarks.delay.run import delay_row, picture_delays, stage_split
from benchmarks.errors import CallTooShort


def line(second: int) -> dict[str, Any]:
    """A line of either meter: 25 frames a second in bundles of five."""
    totals = {"frames": 25 * second, "motion_messages": 5 * second, "coded_frames": 25 * second}
    return {
        "time_s": float(second),
        "pts_origin_us": 1_000_000,
        "stages_ms": {"capture": 1.0, "total": 12.0, "read": 0.5, "render": 14.5},
        "keypoints": {"totals": totals},
        "counts": {"shown": 25 * second},
        "playout": {"held": second},
        "round_trip_ms": 2.0,
        "playout_delay_ms": 90.0,
        "jitter_ms": 85.0,
    }


CALL = CallRun(tuple(map(line, range(4, 8))), tuple(map(line, range(4, 8))), {})


def test_a_picture_counts_from_its_capture() -> None:
    pictures = [{"pts": 3600 * index, "shown_us": 1_000_000 + 40_000 * index + 70_000 + index} for index in range(100)]
    delays = picture_delays(pictures, [line(1)])
    assert len(delays) == 25
    assert delays == pytest.approx([70.0 + index / 1000 for index in range(75, 100)], abs=0.001)
    with pytest.raises(CallTooShort, match="no picture was shown"):
        picture_delays([], [line(1)])
    with pytest.raises(CallTooShort, match="no picture"):
        picture_delays(pictures, [{"pts_origin_us": None}])


def test_stages_and_the_rest_make_the_median() -> None:
    stages = stage_split(CALL, 130.0, fps=25)
    assert stages["bundle"] == pytest.approx(80)
    assert (stages["capture"], stages["encode"], stages["transport"], stages["decode"]) == (1, 12, 1, 15)
    assert sum(stages.values()) == pytest.approx(130)
    assert stage_split(CALL, 50.0, fps=25)["waiting"] == 0


def test_a_row_is_held_against_its_target() -> None:
    row = delay_row(CALL, [70.0, 75.0, 90.0], size=256, bundle=1, fps=25)
    assert (row.met, row.target_ms, row.shown_fps, row.details["held"]) == (True, 80, 25, 3)
    assert delay_row(CALL, [81.0], size=256, bundle=1, fps=25).met is False
    assert delay_row(CALL, [81.0], size=256, bundle=7, fps=25).met is None
