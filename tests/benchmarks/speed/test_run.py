"""Stages 1 to 10, timed: what a child that times the codec says is wrong reaches its parent."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.calls.processes import ProcessFailed
from benchmarks.speed.codec_times import main as time_codec
from benchmarks.speed.run import SpeedSettings, measure_speed

pytestmark = pytest.mark.timeout(300)  # interpreters that start on a busy machine


def test_a_clip_too_short_is_named_by_the_child_and_by_the_parent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], write_video: Any
) -> None:
    short = write_video("short.mp4", frames=6)
    assert time_codec([str(short)]) == 2
    assert "at least 15 are needed" in capfd.readouterr().err
    with pytest.raises(ProcessFailed, match="short: 6 frames, at least 15"):
        measure_speed([short], SpeedSettings(sizes=(256,), call_seconds=0, threads=1))
