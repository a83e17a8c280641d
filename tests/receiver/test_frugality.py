"""When pictures are made for less: once decoding takes nearly all of the time, until there would be enough again."""

import pytest

from receiver.figures.frugality import Frugality


def told(frugality: Frugality, *loads: float, from_s: float = 0.0) -> list[bool]:
    """What it says to a load each second."""
    return [frugality.see(load, now_s=from_s + second) for second, load in enumerate(loads)]


def test_it_takes_two_seconds_of_too_much() -> None:
    assert told(Frugality(), 0.9, 1.0, 1.0, 1.0) == [False, False, False, True]
    assert not any(told(Frugality(), *(1.2, 1.2, 0.9) * 5))


@pytest.mark.parametrize(("load", "ends"), [(0.6, True), (0.7, False), (1.5, False)])
def test_it_ends_after_ten_seconds_in_which_all_would_have_been_done_in_time(load: float, ends: bool) -> None:
    frugality = Frugality()
    told(frugality, 1.2, 1.2, 1.2)
    assert frugality.is_on
    said = told(frugality, *[load] * 12, from_s=3)
    assert all(said[:10])
    assert said[-1] is not ends


def test_what_it_saves_does_not_end_it() -> None:
    frugality = Frugality()
    told(frugality, 0.96, 0.96, 0.96)
    assert frugality.is_on
    assert all(told(frugality, *[0.96 * 0.86] * 60, from_s=3))
