"""Pictures that were made ahead of time, with a clock of numbers."""

import numpy as np

from receiver.due_pictures import Due, Ready

IMAGE = np.zeros((2, 2, 3), np.uint8)


def test_pictures_come_at_their_time_and_a_late_burst_shows_the_newest() -> None:
    ready = Ready()
    assert ready.due_us is None
    for due_us in (100, 140, 180):
        ready.add(Due(IMAGE, due_us, due_us))
    assert ready.take(now_us=99) is None
    assert ready.due_us == 100
    first = ready.take(now_us=100)
    assert first is not None
    assert first.pts == 100
    newest = ready.take(now_us=500)
    assert newest is not None
    assert (newest.pts, ready.skipped, ready.due_us) == (180, 1, None)
