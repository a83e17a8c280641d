"""Tests of signaling.transport.memory: the channels in one process lose, reorder and delay, and always alike."""

import asyncio

import pytest

from signaling.errors import MessageError, PeerGone
from signaling.transport.costs import MAX_MESSAGE_BYTES
from signaling.transport.memory import VirtualClock, memory_pair


def run(count: int = 200, **conditions: float) -> list[int]:
    """Sends `count` numbered motion messages 40 ms apart; returns the numbers in their order of arrival."""
    clock = VirtualClock()
    near, far = memory_pair(clock=clock, **conditions)  # type: ignore[arg-type]
    arrived: list[int] = []
    far.motion.set_receiver(lambda data: arrived.append(int.from_bytes(data, "big")))
    for number in range(count):
        near.motion.send(number.to_bytes(2, "big"))
        clock.advance(0.04)
    clock.advance(10)
    return arrived


def test_a_clean_pair_delivers_all_in_order() -> None:
    assert run() == list(range(200))


def test_loss_is_a_fraction_and_repeats() -> None:
    arrived = run(loss=0.1, seed=1)
    assert arrived == sorted(arrived)
    assert 10 <= 200 - len(arrived) <= 30
    assert arrived == run(loss=0.1, seed=1)
    assert arrived != run(loss=0.1, seed=2)


def test_reordering_loses_nothing_and_repeats() -> None:
    arrived = run(reorder=0.2, seed=3)
    assert sorted(arrived) == list(range(200))
    assert arrived != sorted(arrived)
    assert arrived == run(reorder=0.2, seed=3)


def test_loss_falls_on_the_same_messages_with_and_without_reordering() -> None:
    assert sorted(run(loss=0.1, reorder=0.3, seed=4)) == run(loss=0.1, seed=4)


def test_jitter_beyond_the_spacing_reorders() -> None:
    arrived = run(jitter_s=0.2, seed=5)
    assert sorted(arrived) == list(range(200))
    assert arrived != sorted(arrived)


def test_a_message_held_back_arrives_without_a_follower() -> None:
    assert run(1, reorder=1.0) == [0]


def test_drop_names_the_lost_messages() -> None:
    clock = VirtualClock()
    near, far = memory_pair(drop=lambda number: number in (0, 2), clock=clock)
    arrived: list[bytes] = []
    far.motion.set_receiver(arrived.append)
    for number in range(4):
        near.motion.send(bytes([number]))
    clock.advance(1)
    assert arrived == [b"\x01", b"\x03"]


def test_only_motion_is_lost() -> None:
    clock = VirtualClock()
    near, far = memory_pair(loss=1.0, reorder=1.0, clock=clock)
    arrived: list[bytes] = []
    for channel in (far.reference, far.motion, far.control):
        channel.set_receiver(arrived.append)
    for channel in (near.reference, near.motion, near.control):
        channel.send(channel.label.encode())
    clock.advance(1)
    assert arrived == [b"facewire/reference", b"facewire/control"]


def test_delay_goes_by_the_clock_and_both_ways() -> None:
    clock = VirtualClock()
    near, far = memory_pair(delay_s=0.05, clock=clock)
    arrived: list[tuple[float, bytes]] = []
    near.control.set_receiver(lambda data: arrived.append((clock.time(), data)))
    far.control.set_receiver(far.control.send)
    near.control.send(b"ping")
    assert arrived == []
    clock.advance(1)
    assert arrived == [(pytest.approx(0.1), b"ping")]


def test_a_large_reference_delays_the_motion_behind_it() -> None:
    clock = VirtualClock()
    near, far = memory_pair(rate_bps=80_000, clock=clock)  # 10 bytes a millisecond
    arrived: list[float] = []
    far.motion.set_receiver(lambda data: arrived.append(clock.time()))
    near.reference.send(bytes(907))  # 1,000 on the wire: 0.1 s
    near.reference.send(bytes(907))
    near.motion.send(bytes(7))
    assert (near.reference.buffered_amount, near.motion.buffered_amount, near.queued_bytes) == (907, 7, 914)
    clock.advance(0.15)
    assert near.queued_bytes == 7
    clock.advance(0.1)
    assert near.queued_bytes == 0
    assert arrived == [pytest.approx(0.21)]


def test_messages_before_the_receiver_is_set_are_kept() -> None:
    clock = VirtualClock()
    near, far = memory_pair(clock=clock)
    for number in range(70):
        near.control.send(bytes([number]))
    clock.advance(1)
    arrived: list[bytes] = []
    far.control.set_receiver(arrived.append)
    assert arrived == [bytes([number]) for number in range(6, 70)]


def test_closing_is_told_to_both_ends_and_stops_sending() -> None:
    clock = VirtualClock()
    near, far = memory_pair(delay_s=0.05, clock=clock)
    states: list[tuple[str, bool]] = []
    near.motion.set_state(lambda is_open: states.append(("near", is_open)))
    far.motion.set_state(lambda is_open: states.append(("far", is_open)))
    near.close()
    assert not near.is_open
    assert far.is_open
    far.motion.send(b"too late")
    clock.advance(1)
    assert states == [("near", True), ("far", True), ("near", False), ("far", False)]
    with pytest.raises(PeerGone, match="facewire/motion is not open"):
        far.motion.send(b"x")


@pytest.mark.parametrize("size", [0, MAX_MESSAGE_BYTES + 1])
def test_messages_have_a_size(size: int) -> None:
    near, _ = memory_pair(clock=VirtualClock())
    with pytest.raises(MessageError):
        near.reference.send(bytes(size))


async def test_without_a_clock_the_event_loop_runs_it() -> None:
    near, far = memory_pair()
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    far.reference.set_receiver(arrived.set_result)
    near.reference.send(b"x")
    assert not arrived.done()
    assert await arrived == b"x"
