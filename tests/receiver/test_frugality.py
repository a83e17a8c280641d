"""When pictures are made for less: once decoding takes nearly all of the time, until there would be enough again."""

from itertools import pairwise

import pytest

from codec import Rendering
from receiver.figures.frugality import Frugality

WHOLE, UNREFINED = Rendering(), Rendering(refined=False)
WARPED, LEAST = Rendering(generated=False), Rendering(refined=False, generated=False)


def told(frugality: Frugality, *loads: float, from_s: float = 0.0) -> list[Rendering]:
    """What it says to a load each second."""
    return [frugality.see(load, now_s=from_s + second) for second, load in enumerate(loads)]


def late(*loads: float) -> Frugality:
    frugality = Frugality()
    told(frugality, *loads)
    return frugality


def test_it_takes_two_seconds_of_too_much() -> None:
    assert told(Frugality(), 0.9, 1.0, 1.0, 1.0) == [WHOLE, WHOLE, WHOLE, UNREFINED]
    assert set(told(Frugality(), *(1.2, 1.2, 0.9) * 5)) == {WHOLE}


@pytest.mark.parametrize(
    ("load", "rendering"), [(0.94, WHOLE), (1.0, UNREFINED), (1.2, WARPED), (1.5, LEAST), (4.0, LEAST)]
)
def test_it_takes_the_step_at_which_there_is_time_enough_or_the_last(load: float, rendering: Rendering) -> None:
    assert late(load, load, load).rendering == rendering


def test_what_is_late_on_a_step_goes_further() -> None:
    frugality = late(1.0, 1.0, 1.0)
    assert told(frugality, 1.0, 1.0, 1.0, from_s=3)[-1] == WARPED
    assert told(frugality, 2.0, 2.0, 2.0, from_s=6)[-1] == LEAST
    assert told(frugality, *[2.0] * 9, from_s=9)[-1] == LEAST


@pytest.mark.parametrize(("load", "ends"), [(0.6, True), (0.65, False), (0.8, False)])
def test_it_ends_after_ten_seconds_in_which_all_would_have_been_done_in_time(load: float, ends: bool) -> None:
    frugality = late(1.0, 1.0, 1.0)
    said = told(frugality, *[load] * 12, from_s=3)
    assert set(said[:10]) == {UNREFINED}
    assert said[-1] == (WHOLE if ends else UNREFINED)


def test_the_way_back_is_a_step_each_ten_seconds() -> None:
    frugality = late(2.0, 2.0, 2.0)
    said = told(frugality, *[0.1] * 40, from_s=3)
    assert list(dict.fromkeys(said)) == [LEAST, WARPED, UNREFINED, WHOLE]
    assert said.index(WHOLE) >= 30


@pytest.mark.parametrize("load", [0.96, 1.2, 1.5])
def test_what_it_saves_does_not_end_it(load: float) -> None:
    frugality = late(load, load, load)
    rendering = frugality.rendering
    saved = {UNREFINED: 0.82, WARPED: 0.7, LEAST: 0.52}[rendering]
    assert set(told(frugality, *[load * saved] * 60, from_s=3)) == {rendering}


def test_a_pause_is_no_time_to_spare() -> None:
    frugality = late(1.5, 1.5, 1.5)
    assert set(told(frugality, *[0.0] * 60, from_s=3)) == {LEAST}
    assert set(told(frugality, *[0.1] * 10, from_s=63)) == {LEAST}
    assert told(frugality, 0.1, from_s=73) == [WARPED]


def test_a_step_up_that_costs_more_than_is_known_is_tried_less_and_less_often() -> None:
    takes = {WHOLE: 1.0, UNREFINED: 0.92, WARPED: 0.49, LEAST: 0.41}  # as at 512x512, of a whole that takes 1.1
    frugality, now_s = Frugality(), 0.0
    begun: list[float] = []
    while now_s < 600:
        before = frugality.rendering
        if frugality.see(1.1 * takes[before], now_s=now_s) != before and before == WARPED:
            begun.append(now_s)
        now_s += 1
    waits = [after - before for before, after in pairwise(begun)]
    assert waits[0] < waits[1] < waits[2]
    assert waits[-1] == waits[-2] > 80, "up to a bound"


def test_a_step_up_that_lasted_is_tried_as_soon_as_ever() -> None:
    frugality = late(1.0, 1.0, 1.0)
    told(frugality, *[0.1] * 11, from_s=3)
    assert frugality.rendering == WHOLE
    told(frugality, *[0.8] * 30, *[1.0] * 3, from_s=14)
    assert frugality.rendering == UNREFINED
    assert told(frugality, *[0.1] * 11, from_s=47)[-1] == WHOLE
