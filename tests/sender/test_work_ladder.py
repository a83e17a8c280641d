"""The ladder of work: down while late, up with time to spare, patience with tries that fail."""

import pytest

from sender.work.work_ladder import PLAIN_STEP, STEPS, LadderRules, WorkLadder, steps_of

RULES = LadderRules()


def seen(ladder: WorkLadder, load: float, *, seconds: int, start_s: float) -> list[str]:
    """The steps that a load brings about, looked at once a second."""
    return [ladder.step.name for second in range(seconds) if ladder.see(load, now_s=start_s + second)]


def fall(ladder: WorkLadder, *, start_s: float = 0.0) -> None:
    while ladder.step is not STEPS[-1]:
        ladder.see(1.5, now_s=start_s)
        start_s += 1


@pytest.mark.parametrize("sizes", [(256,), (512, 256)])
def test_steps_cost_less_and_less(sizes: tuple[int, ...]) -> None:
    steps = steps_of(sizes, plain=True)
    assert len({step.name for step in steps}) == len(steps) == len((*STEPS, PLAIN_STEP)) + 2 * (len(sizes) - 1)
    costs = [step.cost for step in steps]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == len(costs)
    assert (STEPS[0].every, STEPS[0].windows, STEPS[0].cost) == (1, True, 1.0)


def test_a_moment_is_no_overload() -> None:
    ladder = WorkLadder()
    for start_s in (0.0, 10.0, 20.0):
        assert not ladder.see(3.0, now_s=start_s)
        assert not ladder.see(3.0, now_s=start_s + 1)
        assert not ladder.see(0.9, now_s=start_s + 2)
    assert ladder.step is STEPS[0]


def test_what_is_late_for_long_goes_down_step_by_step_and_then_gives_up() -> None:
    ladder = WorkLadder()
    assert seen(ladder, 1.5, seconds=13, start_s=0.0) == [step.name for step in STEPS[1:]]
    assert not ladder.overwhelmed
    seen(ladder, 1.2, seconds=5, start_s=13.0)
    assert ladder.overwhelmed
    ladder.see(0.9, now_s=19.0)
    assert not ladder.overwhelmed


def test_it_climbs_when_the_step_above_would_fit_and_not_before() -> None:
    ladder = WorkLadder()
    seen(ladder, 1.5, seconds=3, start_s=0.0)
    assert ladder.step is STEPS[1]
    assert seen(ladder, 0.8, seconds=60, start_s=3.0) == []  # half as much again is more than all of the time
    assert seen(ladder, 0.3, seconds=7, start_s=63.0) == [STEPS[0].name]


def test_tries_that_fail_are_made_less_and_less_often_and_one_that_lasts_is_forgiven() -> None:
    ladder, now_s = WorkLadder(), 0.0
    waits = []
    for _ in range(7):
        while ladder.step is STEPS[0]:
            ladder.see(1.5, now_s=now_s)
            now_s += 1
        below_s = now_s
        while ladder.step is not STEPS[0]:
            ladder.see(0.1, now_s=now_s)
            now_s += 1
        waits.append(now_s - below_s - 1)
    assert waits == [6, 12, 24, 48, 96, 96, 96]
    now_s += RULES.lasting_s
    seen(ladder, 1.5, seconds=3, start_s=now_s)
    assert seen(ladder, 0.1, seconds=7, start_s=now_s + 3) == [STEPS[0].name]


def test_a_little_too_much_leaves_out_a_picture_now_and_then_not_each_second_one() -> None:
    assert seen(WorkLadder(), 1.3, seconds=100, start_s=0.0) == []
    below = WorkLadder()
    seen(below, 1.5, seconds=6, start_s=0.0)
    assert below.step is STEPS[2]
    assert seen(below, 1.3, seconds=100, start_s=6.0) == [], "two of five are better than one of three"
    seen(below, 1.5, seconds=3, start_s=106.0)
    assert below.step is STEPS[3]
    assert seen(below, 1.3, seconds=3, start_s=109.0) == [STEPS[4].name], "there it is more than the machine can do"


@pytest.mark.parametrize("load", [1.5, 0.1])
def test_a_pause_is_neither_late_nor_time_to_spare(load: float) -> None:
    ladder = WorkLadder()
    fall(ladder)
    before = ladder.step
    seen(ladder, load, seconds=3, start_s=100.0)
    ladder.pause()
    assert seen(ladder, load, seconds=4, start_s=1000.0) == []
    assert not ladder.overwhelmed
    assert ladder.step is before
    assert seen(ladder, load, seconds=3, start_s=1004.0) == ([] if load > 1 else [STEPS[-2].name])
    assert ladder.overwhelmed == (load > 1)


def test_a_pause_takes_back_that_it_is_too_much() -> None:
    ladder = WorkLadder()
    fall(ladder)
    seen(ladder, 1.5, seconds=5, start_s=100.0)
    assert ladder.overwhelmed
    ladder.pause()
    assert not ladder.overwhelmed


@pytest.mark.parametrize("load", [0.0, 0.5, 1.0])
def test_whoever_keeps_up_is_left_alone(load: float) -> None:
    assert seen(WorkLadder(), load, seconds=1000, start_s=0.0) == []
