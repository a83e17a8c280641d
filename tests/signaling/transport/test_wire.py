"""The way that packets take, in words and in bytes."""

import pytest

from signaling.transport.insides.wire import Relay, Way


@pytest.mark.parametrize(
    ("local", "remote", "ipv6", "relay", "says", "extra"),
    [
        ("host", "host", False, "", "directly, IPv4", 0),
        ("host", "host", True, "", "directly, IPv6", 20),
        ("host", "prflx", False, "", "directly through NAT, IPv4", 0),
        ("srflx", "host", False, "", "directly through NAT, IPv4", 0),
        ("host", "relay", False, "", "through the other end's TURN server, IPv4", 0),
        ("relay", "relay", False, "udp", "through a TURN server over UDP, IPv4", 4),
        ("relay", "host", False, "tcp", "through a TURN server over TCP, IPv4", 30),
        ("relay", "relay", True, "tls", "through a TURN server over TLS, IPv6", 72),
    ],
)
def test_each_way(local: str, remote: str, ipv6: bool, relay: Relay, says: str, extra: int) -> None:
    way = Way(local=local, remote=remote, ipv6=ipv6, relay=relay)
    assert str(way) == says
    assert way.extra_bytes == extra
