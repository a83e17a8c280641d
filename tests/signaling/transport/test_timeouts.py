"""Timeouts: what got lost for good holds up what comes after it for less than half a second."""

import asyncio
from typing import Any

import pytest
from aiortc import RTCPeerConnection

from signaling.transport.insides.timeouts import LEAST_S, QUICK_S, govern_timeouts, hurry


async def test_a_short_way_is_waited_for_a_second_or_less_in_a_hurry_and_a_long_one_as_long_as_it_takes() -> None:
    pc = RTCPeerConnection()
    pc.createDataChannel("a")
    assert govern_timeouts(pc)
    assert govern_timeouts(pc)  # once is enough
    sctp: Any = pc.sctp
    first_s = sctp._rto
    hurry(pc, True)
    assert sctp._rto == first_s >= LEAST_S, "nobody knows the way yet"
    for _ in range(50):
        sctp._update_rto(0.05)
    assert sctp._rto == QUICK_S
    hurry(pc, False)
    assert sctp._rto == LEAST_S
    hurry(pc, True)
    assert sctp._rto == QUICK_S
    for _ in range(50):
        sctp._update_rto(1.5)
    assert 1.5 < sctp._rto < 6
    await pc.close()


@pytest.mark.parametrize(("round_trip_s", "waits_s"), [(0.05, (0.4, 0.8, 1.6, 2, 2, 2)), (1.5, (2.25, 3, 3, 3))])
async def test_what_has_no_receipt_is_tried_again_soon_then_less_often_but_never_seldom(
    round_trip_s: float, waits_s: tuple[float, ...]
) -> None:
    """A way that comes back is used within twice the time that receipts take, however long it was away."""
    pc = RTCPeerConnection()
    pc.createDataChannel("a")
    govern_timeouts(pc)
    sctp: Any = pc.sctp
    sctp._t3_expired()
    assert sctp._rto <= 6, "nobody knows the way yet"
    for _ in range(2):
        for _ in range(60):
            sctp._update_rto(round_trip_s)
        usual_s = sctp._rto
        assert usual_s == pytest.approx(max(LEAST_S, round_trip_s), rel=0.01)
        for wait_s in (*waits_s, *[waits_s[-1]] * 2000):  # as long as it may take
            sctp._t3_expired()
            assert sctp._rto == pytest.approx(wait_s, rel=0.01)
    hurry(pc, True)
    sctp._update_rto(round_trip_s)
    for _ in range(3):
        usual_s = sctp._rto
        sctp._t3_expired()
        assert sctp._rto == usual_s
    await pc.close()


async def test_messages_leave_again_when_all_that_were_on_their_way_are_lost(connect: Any) -> None:
    """The timer that aiortc sets after a loss of everything is that of a short way."""
    near, far = RTCPeerConnection(), RTCPeerConnection()
    channel = near.createDataChannel("a", ordered=False, maxRetransmits=0)
    govern_timeouts(near)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    opened = asyncio.Event()
    channel.on("open", opened.set)
    far.on("datachannel", lambda other: other.on("message", heard.put_nowait))
    await connect(near, far)
    await opened.wait()
    for _ in range(20):
        channel.send(b"x")
        await heard.get()
    hurry(near, True)
    sctp: Any = near.sctp
    dtls: Any = sctp.transport
    send, lost = dtls._send_data, asyncio.Event()

    async def lose(data: bytes) -> None:
        lost.set()

    dtls._send_data = lose
    channel.send(b"y")
    await lost.wait()
    loop = asyncio.get_running_loop()
    assert sctp._t3_handle.when() - loop.time() <= max(QUICK_S, sctp._srtt + 4 * sctp._rttvar)
    dtls._send_data = send
    channel.send(b"z")
    assert await heard.get() == b"z"
    await near.close()
    await far.close()


async def test_without_channels_or_their_places_nothing_is_touched() -> None:
    pc = RTCPeerConnection()
    assert not govern_timeouts(pc)
    pc.createDataChannel("a")
    sctp: Any = pc.sctp
    del sctp._srtt
    assert not govern_timeouts(pc)
    await pc.close()
