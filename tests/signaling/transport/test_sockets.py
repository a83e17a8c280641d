"""What passes at a connection's sockets, and what is said where aioice does not tell."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiortc import RTCDataChannel, RTCPeerConnection
from aiortc.stats import RTCTransportStats

from signaling.transport.insides.internals import connection_stats
from signaling.transport.insides.sockets import _tcp_count, extra_bytes, way_of, wire_count
from signaling.transport.insides.wire import WireCount


@pytest.fixture
async def pair(
    connect: Any,
) -> AsyncIterator[tuple[RTCPeerConnection, RTCDataChannel, RTCPeerConnection, asyncio.Queue[bytes]]]:
    near, far = RTCPeerConnection(), RTCPeerConnection()
    channel = near.createDataChannel("a", ordered=False, maxRetransmits=0)
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    @far.on("datachannel")
    def on_channel(other: Any) -> None:
        other.on("message", heard.put_nowait)

    opened = asyncio.Event()
    channel.on("open", opened.set)
    await connect(near, far)
    await opened.wait()
    yield near, channel, far, heard
    await near.close()
    await far.close()


async def test_the_way_is_known_once_there_is_one(pair: Any) -> None:
    assert way_of(RTCPeerConnection()) is None
    way = way_of(pair[0])
    assert way is not None
    assert str(way).startswith("directly")
    assert extra_bytes(pair[0]) == (20 if way.ipv6 else 0)


async def test_a_message_counts_as_the_model_says_at_both_ends(pair: Any) -> None:
    near, channel, far, heard = pair
    before, before_far = wire_count(near), wire_count(far)
    for _ in range(20):
        channel.send(bytes(100))
        await heard.get()
    after, after_far = wire_count(near), wire_count(far)
    each = 100 + 93 + extra_bytes(near)
    # ICE asks for consent each five seconds, in packets of about 120 bytes.
    assert 0 <= after.out_bytes - before.out_bytes - 20 * each < 1000
    assert 0 <= after_far.in_bytes - before_far.in_bytes - 20 * each < 1000
    assert after_far.out_bytes - before_far.out_bytes >= 19 * (93 + extra_bytes(near))


async def test_checks_of_the_way_count_too_which_the_transport_does_not_tell(pair: Any) -> None:
    near, *_ = pair
    first, transport = wire_count(near), near.sctp.transport
    told = next(entry for entry in transport._get_stats().values() if isinstance(entry, RTCTransportStats))
    for pair_ in transport.transport._connection._nominated.values():
        await pair_.protocol.request(
            transport.transport._connection.build_request(pair_, nominate=False),
            pair_.remote_addr,
            integrity_key=transport.transport._connection.remote_password.encode(),
        )
    again = next(entry for entry in transport._get_stats().values() if isinstance(entry, RTCTransportStats))
    assert again.bytesSent == told.bytesSent
    assert wire_count(near).out_bytes > first.out_bytes + 60
    assert wire_count(near).in_bytes > first.in_bytes + 60


async def test_without_the_sockets_the_transport_is_asked(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    near, *_ = pair
    transport = near.sctp.transport
    told = next(entry for entry in transport._get_stats().values() if isinstance(entry, RTCTransportStats))
    monkeypatch.delattr(transport.transport._connection, "_nominated")
    counted = wire_count(near)
    assert counted == WireCount(
        out_bytes=told.bytesSent + 28 * told.packetsSent, in_bytes=told.bytesReceived + 28 * told.packetsReceived
    )
    assert isinstance((await connection_stats(near))["wire"], WireCount)


async def test_the_kernel_counts_a_line_of_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as line:
        other, _ = server.accept()
        with other:
            line.sendall(bytes(1000))
            taken = 0
            while taken < 1000:
                taken += len(other.recv(4096))
            here, there = _tcp_count(line, ipv6=False), _tcp_count(other, ipv6=False)
    assert here is not None
    assert there is not None
    assert 1000 + 3 * 40 <= here[0] <= 1000 + 8 * 52  # two of the opening, one or more with the data
    assert 1000 + 2 * 40 <= there[1] <= 1000 + 8 * 52
    assert _tcp_count(object(), ipv6=False) is None
