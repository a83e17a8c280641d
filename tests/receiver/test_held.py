"""The picture on show is held where nothing newer comes, and whoever watches is told, once."""

import numpy as np
import pytest

from receiver.held import Held, in_words
from receiver.picture import Picture

IMAGE = np.zeros((2, 2, 3), np.uint8)


class Clock:
    us = 5_000_000

    def now(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watched(clock: Clock) -> tuple[Held, list[tuple[bool, float]]]:
    held, told = Held(now_us=clock.now), []
    held.watch(lambda *said: told.append(said))
    return held, told


def show(held: Held, clock: Clock) -> None:
    held.shown(Picture("keypoints", 0, clock.us, IMAGE))


def test_before_the_first_picture_nothing_is_held(clock: Clock) -> None:
    held, told = watched(clock)
    clock.us += 60_000_000
    held.tick()
    assert (held.is_held, held.seconds, told) == (False, 0.0, [])


def test_a_picture_is_held_after_a_second_and_told_of_once(clock: Clock) -> None:
    held, told = watched(clock)
    show(held, clock)
    clock.us += 1_000_000
    held.tick()
    assert not held.is_held
    for _ in range(5):
        clock.us += 100_000
        held.tick()
    assert held.is_held
    assert held.seconds == pytest.approx(1.5)
    assert told == [(True, pytest.approx(1.1))]


def test_pictures_that_come_again_say_how_long_it_was(clock: Clock) -> None:
    held, told = watched(clock)
    for pause_us in (40_000, 10_000_000, 40_000):
        show(held, clock)
        clock.us += pause_us
        held.tick()
    show(held, clock)
    assert told == [(True, pytest.approx(10.0)), (False, pytest.approx(10.0))]
    assert (held.is_held, held.seconds) == (False, 0.0)
    assert in_words(*told[0]) == "nothing new comes: the last picture is held"
    assert in_words(*told[1]) == "pictures come again, after 10.0 s"
