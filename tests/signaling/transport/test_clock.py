"""The clocks of the two ends."""

from hypothesis import given
from hypothesis import strategies as st

from signaling.transport.clock import ClockSync


def test_the_offset_is_half_way() -> None:
    clock = ClockSync()
    assert clock.to_ours(5) is None
    clock.add(sent_us=1000, peer_us=501_500, received_us=2000)
    assert clock.best is not None
    assert (clock.best.round_trip_us, clock.best.offset_us) == (1000, 500_000)
    assert clock.to_ours(501_500) == 1500


def test_the_quickest_exchange_is_believed_and_nonsense_is_not() -> None:
    clock = ClockSync(window=3)
    clock.add(sent_us=0, peer_us=100_000, received_us=90_000)
    clock.add(sent_us=0, peer_us=10_500, received_us=1000)
    clock.add(sent_us=5000, peer_us=0, received_us=4000)
    assert clock.to_ours(10_000) == 0


@given(offset=st.integers(-(10**9), 10**9), trips=st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 10**5))))
def test_the_error_is_at_most_half_the_shortest_round_trip(offset: int, trips: list[tuple[int, int]]) -> None:
    clock = ClockSync()
    now = 0
    for there, back in trips[:16]:
        clock.add(sent_us=now, peer_us=now + there + offset, received_us=now + there + back)
        now += there + back + 1000
    if trips[:16]:
        assert clock.best is not None
        assert abs(clock.best.offset_us - offset) <= min(a + b for a, b in trips[:16]) / 2 + 1
