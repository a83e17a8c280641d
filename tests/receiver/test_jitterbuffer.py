"""The jitter buffer and the keyframe requests, with a clock of numbers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.motion.jitterbuffer import JitterBuffer, KeyframeRequests, unwrap

WAIT_US = 10_000


def sequences(buffer: JitterBuffer[str], *, now_us: int) -> list[int]:
    return [released.sequence for released in buffer.take(now_us=now_us)]


@pytest.mark.parametrize(
    ("value", "near", "expected"),
    [(5, 3, 5), (0, 65535, 65536), (65535, 65536, 65535), (10, 131072, 131082), (65530, 5, -6)],
)
def test_unwrap_finds_the_nearest(value: int, near: int, expected: int) -> None:
    assert unwrap(value, near=near, modulus=65536) == expected


def test_in_order_messages_do_not_wait() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US)
    for number in range(5):
        buffer.add(number, "m", now_us=number)
        assert sequences(buffer, now_us=number) == [number]
    assert buffer.deadline_us is None
    assert buffer.loss == 0


def test_a_gap_that_closes_in_time_is_put_in_order() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US)
    buffer.add(0, "a", now_us=0)
    buffer.add(2, "c", now_us=100)
    assert sequences(buffer, now_us=100) == [0]
    assert buffer.deadline_us == 100 + WAIT_US
    buffer.add(1, "b", now_us=200)
    assert sequences(buffer, now_us=200) == [1, 2]
    assert buffer.counts["lost"] == 0
    assert buffer.counts["reordered"] == 1


def test_a_gap_that_stays_is_declared_lost_after_the_wait() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US)
    buffer.add(0, "a", now_us=0)
    buffer.add(4, "e", now_us=50)
    assert sequences(buffer, now_us=50 + WAIT_US - 1) == [0]
    released = buffer.take(now_us=50 + WAIT_US)
    assert [(item.sequence, item.lost_before, item.late) for item in released] == [(4, 3, False)]
    assert buffer.counts["lost"] == 3
    assert buffer.loss == pytest.approx(3 / 5)


def test_a_message_after_it_was_given_up_still_comes_out_and_teaches_patience() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US)
    buffer.add(0, "a", now_us=0)
    buffer.add(2, "c", now_us=0)
    assert sequences(buffer, now_us=WAIT_US) == [0, 2]
    buffer.add(1, "b", now_us=WAIT_US + 5_000)
    assert buffer.deadline_us == 0
    (late,) = buffer.take(now_us=WAIT_US + 5_000)
    assert (late.sequence, late.late, late.lost_before) == (1, True, 0)
    assert buffer.counts["lost"] == 0
    assert buffer.wait_us == 2 * (WAIT_US + 5_000)


def test_patience_decays_again() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US)
    for number in (0, 2):
        buffer.add(number, "m", now_us=0)
    buffer.take(now_us=WAIT_US)
    buffer.add(1, "m", now_us=2 * WAIT_US)
    patient = buffer.wait_us
    for number in range(3, 400):
        buffer.add(number, "m", now_us=number * 1000)
        buffer.take(now_us=number * 1000)
    assert buffer.wait_us == WAIT_US < patient


def test_duplicates_and_strangers_are_dropped() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US)
    buffer.add(7, "m", now_us=0)
    buffer.add(7, "m", now_us=0)
    assert sequences(buffer, now_us=0) == [7]
    buffer.add(7, "m", now_us=0)
    assert buffer.counts["duplicate"] == 2
    assert not buffer.add(0, "again", now_us=3), "of no use"
    buffer.add(40_000, "stranger", now_us=0)
    assert sequences(buffer, now_us=10 * WAIT_US) == []
    assert buffer.counts["dropped"] == 1


def test_two_messages_of_a_new_numbering_are_believed() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US)
    buffer.add(30_000, "old", now_us=0)
    buffer.take(now_us=0)
    buffer.add(0, "new", now_us=1)
    buffer.add(1, "new", now_us=2)
    buffer.add(2, "new", now_us=3)
    assert [released.message for released in buffer.take(now_us=3)] == ["new", "new"]
    assert buffer.counts["restarts"] == 1


def test_at_most_the_capacity_is_held() -> None:
    buffer: JitterBuffer[str] = JitterBuffer(wait_us=WAIT_US, capacity=4)
    buffer.add(0, "m", now_us=0)
    buffer.take(now_us=0)
    for number in range(2, 8):
        buffer.add(number, "m", now_us=0)
    assert sequences(buffer, now_us=0) == [2, 3, 4, 5, 6, 7]


@given(
    start=st.integers(0, 65535),
    count=st.integers(1, 200),
    loss=st.floats(0, 0.6),
    shuffle_us=st.integers(0, 150_000),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_path_does_nothing_is_doubled_and_all_is_accounted_for(
    start: int, count: int, loss: float, shuffle_us: int, seed: int
) -> None:
    """Random loss, delay and duplication, over the wrap of the 16-bit numbers."""
    chance = random.Random(seed)
    buffer: JitterBuffer[int] = JitterBuffer(wait_us=WAIT_US)
    sent = [(number * 20_000, number) for number in range(count)]
    arrivals = [
        (time_us + chance.randint(0, shuffle_us), number)
        for time_us, number in sent
        for _ in range(1 + (chance.random() < 0.1))
        if number == 0 or chance.random() >= loss
    ]
    released = []
    for now_us, number in sorted(arrivals):
        while (due_us := buffer.deadline_us) is not None and due_us <= now_us:
            released += buffer.take(now_us=due_us)
            assert buffer.deadline_us != due_us  # no time without progress
        buffer.add((start + number) % 65536, number, now_us=now_us)
        released += buffer.take(now_us=now_us)
    released += buffer.take(now_us=10**12)
    numbers = [item.message for item in released]
    assert len(numbers) == len(set(numbers))
    in_time = [item.sequence for item in released if not item.late]
    assert in_time == sorted(in_time)
    counts = buffer.counts
    assert counts["received"] == len(numbers)
    assert counts["received"] + counts["duplicate"] + counts["dropped"] == len(arrivals)
    if not counts["dropped"]:
        first = min(item.sequence for item in released if not item.late)
        assert counts["lost"] + counts["received"] >= max(in_time) - first + 1
    assert buffer.deadline_us is None
    assert WAIT_US <= buffer.wait_us <= 60_000


def test_the_first_request_goes_at_once_and_the_next_wait_longer_and_longer() -> None:
    requests = KeyframeRequests(spacing_us=100, longest_us=400)
    requests.need("joined")
    sent_at = [now_us for now_us in range(0, 2001, 10) if requests.poll(now_us=now_us)]
    assert sent_at == [0, 100, 300, 700, 1100, 1500, 1900]
    assert requests.sent == len(sent_at)


def test_a_picture_ends_the_requests_but_not_the_spacing() -> None:
    requests = KeyframeRequests(spacing_us=100)
    requests.need("joined")
    assert requests.poll(now_us=0) == "joined"
    requests.satisfied()
    assert requests.poll(now_us=500) is None
    requests.need("reference missing")
    assert requests.poll(now_us=500) == "reference missing"
    requests.satisfied()
    requests.need("reference missing")
    assert requests.poll(now_us=550) is None
    assert requests.poll(now_us=600) == "reference missing"


def test_a_reference_on_its_way_is_not_asked_for_again() -> None:
    requests = KeyframeRequests(spacing_us=100)
    requests.arriving(now_us=0)
    requests.need("joined")
    assert requests.poll(now_us=0) == "joined"
    for now_us in range(50, 1000, 50):
        requests.arriving(now_us=now_us)
        assert requests.poll(now_us=now_us) is None
    assert requests.poll(now_us=1060) == "joined"
