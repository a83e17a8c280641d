"""Tests of signaling.server.quotas: how often strangers may do something, by a clock moved by hand."""

import pytest

from signaling.server import ServerSettings
from signaling.server.quotas import Allowance, Meter, Misses, network_of


def test_what_is_beyond_the_allowance_waits_its_turn(clock) -> None:
    meter = Meter(Allowance(at_once=3, per_s=2), now_s=clock)
    assert [meter.take("a") for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert meter.take("b") == 0.0
    clock.now = 1.0
    assert meter.take("a") == 0.5  # after what it owed
    clock.now = 100.0
    assert [meter.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_a_long_message_counts_as_several(clock) -> None:
    meter = Meter(Allowance(at_once=16, per_s=1), now_s=clock)
    assert meter.take("a", size_bytes=65_535) == 0.0
    assert meter.take("a", size_bytes=4095) == 1.0


def test_a_negotiation_does_not_wait(clock) -> None:
    """An offer of 8 kB, 32 candidates and a bye, of eight ends behind one address at one moment."""
    settings = ServerSettings()
    address = Meter(settings.address_messages, now_s=clock)
    for _ in range(8):
        line = Meter(settings.line_messages, now_s=clock)
        for size_bytes in (150, 8000, *(200,) * 32, 50):
            assert line.take(size_bytes=size_bytes) == address.take("home", size_bytes=size_bytes) == 0.0


def test_only_so_many_addresses_are_remembered(clock) -> None:
    meter = Meter(Allowance(at_once=1, per_s=1), now_s=clock, remembered=3)
    misses = Misses(now_s=clock, remembered=3)
    for number in range(10):
        meter.take(str(number))
        misses.miss(str(number))
    assert (len(meter), len(misses)) == (3, 3)
    assert meter.take("9") == 1.0  # still known


def test_wrong_tokens_close_the_address_for_longer_and_longer(clock) -> None:
    misses = Misses(now_s=clock, free=2, first_s=1.0, longest_s=8.0)
    waits = []
    for _ in range(8):
        misses.miss("a")
        waits.append(misses.wait_s("a"))
    assert waits == [0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert misses.wait_s("b") == 0.0
    clock.now = 7.0
    assert misses.wait_s("a") == 1.0
    clock.now = 8.0
    assert misses.wait_s("a") == 0.0


def test_wrong_tokens_are_forgotten_in_time(clock) -> None:
    misses = Misses(now_s=clock, free=2, first_s=1.0, longest_s=8.0)
    for _ in range(3):
        misses.miss("a")
    clock.now = 81.0
    misses.miss("a")
    assert misses.wait_s("a") == 0.0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_stranger_is_an_address_or_a_network(address: str, network: str) -> None:
    assert network_of(address) == network
