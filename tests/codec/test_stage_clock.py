"""Tests of the stage clock: totals and means since the last look, whatever happens inside a stage."""

from collections.abc import Iterator

import pytest

from codec.stage_clock import StageClock


def ticking(*readings_s: float) -> StageClock:
    readings: Iterator[float] = iter(readings_s)
    return StageClock(clock=lambda: next(readings))


def run(stages: StageClock, *names: str) -> None:
    for name in names:
        with stages.stage(name):
            pass


def test_totals_add_up_until_taken() -> None:
    stages = ticking(0.0, 0.010, 1.0, 1.005, 2.0, 2.001)
    run(stages, "flow", "flow", "entropy")
    assert stages.take_totals() == pytest.approx({"flow": 15.0, "entropy": 1.0})
    assert stages.take_totals() == {}


def test_means_are_of_the_runs_since_the_last_look() -> None:
    stages = ticking(0.0, 0.010, 1.0, 1.030, 2.0, 2.001)
    run(stages, "render", "render", "read")
    assert stages.take_means() == {"read": 1.0, "render": 20.0}
    assert stages.take_means() == {}


def test_a_stage_that_fails_is_timed_too() -> None:
    stages = ticking(0.0, 0.5)

    def fail() -> None:
        with stages.stage("flow"):
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert stages.take_totals() == {"flow": 500.0}
