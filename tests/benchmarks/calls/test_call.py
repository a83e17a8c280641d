"""Stages 1 to 10, a call over loopback: which of its seconds count."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.calls.call import counted, gained
from benchmarks.errors import CallTooShort

Meter = Callable[..., dict[str, Any]]


def test_a_call_is_counted_from_three_seconds_after_its_first_picture(meter: Meter) -> None:
    lines = [meter(float(second), frames=max(0, second - 2) * 30) for second in range(10)]
    kept = counted(lines, "frames")
    assert [line["time_s"] for line in kept] == [6, 7, 8, 9]
    assert gained(kept, "keypoints", "totals", "frames") == 90
    assert gained(kept, "nowhere", "at", "all") == 0
    with pytest.raises(CallTooShort, match="1 meter lines"):
        counted(lines[:7], "frames")
