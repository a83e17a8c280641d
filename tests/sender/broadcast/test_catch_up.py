"""Tests of sender.broadcast.catch_up and holdings: what brings a viewer to where the others are."""

from typing import Any

import pytest

from sender.broadcast.catch_up import CatchUp
from sender.broadcast.holdings import Holdings
from signaling.backoff import Restraint


@pytest.fixture
def reference(fakes) -> Any:
    def make(number: int, size: int, *, key: bool = False) -> Any:
        return fakes.Coded(number, key, fakes.Part(id=number % 8), None, bytes(size))

    return make


def test_references_since_the_keyframe_stand_for_it(reference) -> None:
    catch_up = CatchUp()
    assert catch_up.references(viewers=8, now_s=0.0) == []
    sent = [reference(0, 2000, key=True), reference(20, 300), reference(40, 400)]
    for one in sent:
        catch_up.add(one, now_s=1.0)
    assert catch_up.references(viewers=2, now_s=2.0) == sent
    new = reference(50, 2000, key=True)
    catch_up.add(new, now_s=3.0)
    assert catch_up.references(viewers=1, now_s=4.0) == [new]


def test_a_keyframe_for_all_is_better_once_it_is_smaller(reference) -> None:
    catch_up = CatchUp()
    for number, size in enumerate((1000, 900, 900, 300)):
        catch_up.add(reference(number, size, key=number == 0), now_s=1.0)
    assert catch_up.references(viewers=3, now_s=1.0) == []
    assert len(catch_up.references(viewers=4, now_s=1.0)) == 4


def test_too_many_or_too_old_ones_are_of_no_use(reference) -> None:
    catch_up = CatchUp()
    catch_up.add(reference(0, 2000, key=True), now_s=0.0)
    assert catch_up.references(viewers=8, now_s=30.0)
    assert not catch_up.references(viewers=8, now_s=30.1)
    for number in range(1, 16):
        catch_up.add(reference(number, 10), now_s=31.0)
    assert len(catch_up.references(viewers=8, now_s=31.0)) == 16
    catch_up.add(reference(16, 10), now_s=31.0)
    assert not catch_up.references(viewers=8, now_s=31.0)


@pytest.mark.parametrize(
    ("is_new", "lags", "wait_s"), [(True, False, 1.0), (True, True, 1.0), (False, False, 4.0), (False, True, 20.0)]
)
def test_keyframes_for_one_are_apart(reference, is_new: bool, lags: bool, wait_s: float) -> None:
    catch_up = CatchUp()
    assert catch_up.grants_keyframe(is_new=is_new, lags=lags, now_s=0.0)
    catch_up.add(reference(0, 10, key=True), now_s=10.0)
    assert not catch_up.grants_keyframe(is_new=is_new, lags=lags, now_s=9.9 + wait_s)
    assert catch_up.grants_keyframe(is_new=is_new, lags=lags, now_s=10.0 + wait_s)


def test_who_asks_again_and_again_waits_longer_each_time() -> None:
    restraint = Restraint()
    now_s = 100.0
    for wait_s in (1.0, 2.0, 4.0, 8.0, 8.0):
        assert restraint.allows(now_s)
        restraint.helped(now_s)
        assert not restraint.allows(now_s + wait_s - 0.01)
        now_s += wait_s
    restraint.helped(now_s)
    now_s += 16.0
    restraint.helped(now_s)  # it has been calm
    assert restraint.allows(now_s + 1.0)


def test_who_lacks_one_that_is_new_keeps_up_for_two_seconds() -> None:
    holdings = Holdings()
    assert not holdings.keeps_up(0.0)
    holdings.sent(0, 0, now_s=0.0)
    assert not holdings.keeps_up(0.0)
    assert not holdings.is_whole
    holdings.received(0, 0)
    assert holdings.is_whole
    assert holdings.keeps_up(9.0)
    holdings.sent(1, 30, now_s=9.0)
    assert holdings.keeps_up(10.9)
    assert not holdings.keeps_up(11.0)
    holdings.received(1, 30)
    assert holdings.keeps_up(11.0)
    holdings.sent(2, 60, now_s=11.0)
    holdings.sent(3, 61, now_s=11.0)
    assert not holdings.keeps_up(11.0)


def test_motion_is_for_nothing_without_its_reference() -> None:
    holdings = Holdings()
    assert not holdings.lacks(5, now_s=0.0)  # of which nothing is known
    holdings.sent(1, 30, now_s=9.0)
    assert not holdings.lacks(1, now_s=10.0)  # it may be on its way
    assert holdings.lacks(1, now_s=10.1)
    holdings.received(1, 30)
    assert holdings.holds(1, 30)
    assert not holdings.holds(1, 31)
    assert not holdings.lacks(1, now_s=12.0)
    holdings.sent(1, 200, now_s=12.0)  # another of that id
    assert holdings.lacks(1, now_s=13.1)
    holdings.clear()
    assert not holdings.keeps_up(13.1)
