"""Consent: a call lives where the way there and back is long, and ends where nothing comes back at all."""

import asyncio
from typing import Any

import pytest
from aioice.ice import Connection
from aiortc import RTCPeerConnection

from signaling.transport.insides import consent
from signaling.transport.insides.consent import wait_for_consent

LONG_S = 0.6  # longer than aioice waits


@pytest.fixture
async def pair(connect: Any) -> tuple[RTCPeerConnection, RTCPeerConnection]:
    near, far = RTCPeerConnection(), RTCPeerConnection()
    opened = asyncio.Event()
    near.createDataChannel("a").on("open", opened.set)
    await connect(near, far)
    await opened.wait()
    return near, far


def ice_of(pc: RTCPeerConnection) -> Connection:
    sctp: Any = pc.sctp
    connection: Connection = sctp.transport.transport._connection
    return connection


async def test_an_answer_that_takes_longer_than_half_a_second_is_one(
    monkeypatch: pytest.MonkeyPatch, pair: Any
) -> None:
    monkeypatch.setattr(consent, "_INTERVAL_S", 0.01)
    monkeypatch.setattr(consent, "_EXPIRES_S", 1.5 * LONG_S)
    near, far = pair
    (way,) = ice_of(near)._nominated.values()
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    hear = way.protocol.datagram_received

    def later(data: bytes, address: Any) -> None:
        def come() -> None:
            answers.put_nowait(data)
            hear(data, address)

        asyncio.get_running_loop().call_later(LONG_S, come)

    monkeypatch.setattr(way.protocol, "datagram_received", later)
    before = ice_of(near)._query_consent_task
    assert wait_for_consent(near)
    task = ice_of(near)._query_consent_task
    assert wait_for_consent(near)  # once is enough
    assert ice_of(near)._query_consent_task is task is not before
    for _ in range(6):
        await answers.get()
    assert near.connectionState == "connected"
    await near.close()
    await far.close()


async def test_where_nothing_comes_back_the_call_ends(monkeypatch: pytest.MonkeyPatch, pair: Any) -> None:
    monkeypatch.setattr(consent, "_INTERVAL_S", 0.01)
    monkeypatch.setattr(consent, "_EXPIRES_S", 0.02)
    near, far = pair
    (way,) = ice_of(near)._nominated.values()
    ended = asyncio.Event()
    near.on("connectionstatechange", lambda: near.connectionState == "closed" and ended.set())
    asked: list[int] = []
    send = way.protocol.send_stun
    monkeypatch.setattr(way.protocol, "send_stun", lambda message, address: asked.append(1) or send(message, address))
    monkeypatch.setattr(way.protocol, "datagram_received", lambda data, address: None)
    assert wait_for_consent(near)
    await ended.wait()
    assert len(asked) >= 1 + consent._AGAIN
    await far.close()


async def test_a_connection_that_has_not_begun_asks_patiently_from_the_start(connect: Any) -> None:
    near, far = RTCPeerConnection(), RTCPeerConnection()
    opened = asyncio.Event()
    near.createDataChannel("a").on("open", opened.set)
    assert wait_for_consent(near)
    await connect(near, far)
    await opened.wait()
    task = ice_of(near)._query_consent_task
    assert task is not None
    coroutine: Any = task.get_coro()
    assert coroutine.cr_code is consent._ask.__code__
    await near.close()
    await far.close()


async def test_without_channels_or_their_places_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    pc = RTCPeerConnection()
    assert not wait_for_consent(pc)
    pc.createDataChannel("a")
    monkeypatch.setattr(consent, "_PLACES", ("no_such_place",))
    assert not wait_for_consent(pc)
    await pc.close()
