"""Tests of a connection to Janus: how it ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiortc import RTCPeerConnection

from signaling.errors import PeerGone
from signaling.sfu import link as linking
from signaling.sfu.link import Link, linked
from signaling.sfu.rooms import VIDEOROOM

Session = Callable[[], Any]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"janus": "hangup", "reason": "DTLS alert"}, "Janus hung up"),
        ({"janus": "detached"}, "the room was closed"),
        ({"janus": "event", "plugindata": {"data": {"videoroom": "destroyed"}}}, "the room was closed"),
        ({"janus": "event", "plugindata": {"data": {"textroom": "destroyed"}}}, "the room was closed"),
    ],
)
async def test_janus_says_that_it_is_over(said: dict[str, Any], why: str, janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        handle = await session.attach(VIDEOROOM)
        async with linked(RTCPeerConnection(), handle) as link:
            janus.say({"janus": "webrtcup", "sender": handle.number})
            janus.say({"janus": "trickle", "sender": handle.number, "candidate": {"candidate": 7}})
            janus.say({**said, "sender": handle.number})
            assert await link.ended() == why
            with pytest.raises(PeerGone, match=why):
                await link.connected()
    assert janus.asked[-1]["janus"] == "detach"


async def test_a_line_to_janus_that_breaks_ends_its_connections(janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        handle = await session.attach(VIDEOROOM)
        async with linked(RTCPeerConnection(), handle) as link:
            janus.hang_up()
            assert "is gone: it was closed" in await link.ended()


@pytest.mark.parametrize(
    ("flying", "packets", "ended_s"),
    [
        ([90] * 20, [1, 2, 3, *[3] * 17], 9),  # nothing has come since the third second
        ([0] * 20, [1] * 20, None),  # nothing was sent
        ([90] * 20, range(20), None),  # receipts come
        ([90, 90, 0, *[90] * 17], [1] * 20, 9),  # at the third second there was nothing to be waited for
    ],
)
async def test_a_way_on_which_no_receipts_come_is_dead(
    flying: Any, packets: Any, ended_s: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def received(pc: object) -> int:
        nonlocal looks
        looks += 1
        if looks > 20:
            raise asyncio.CancelledError
        return int(packets[looks - 1])

    monkeypatch.setattr(linking, "packets_received", received)
    monkeypatch.setattr(linking, "bytes_on_their_way", lambda pc: flying[looks - 1])
    monkeypatch.setattr(linking, "_LOOK_S", 0.0)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: float(looks))
    pc, handle = RTCPeerConnection(), object()
    link = Link(pc, handle, ())  # type: ignore[arg-type]
    watching = asyncio.create_task(link.watch())
    await asyncio.wait([watching])
    assert watching.cancelled() == (ended_s is None)
    assert looks == (ended_s or 21)
    await pc.close()
