"""Receipts: which messages the other end has, whatever their order."""

import asyncio
from typing import Any

from aiortc import RTCPeerConnection

from signaling.transport.insides.acknowledged import watch_receipts


async def test_each_message_once_when_its_receipt_comes(connect: Any) -> None:
    near, far = RTCPeerConnection(), RTCPeerConnection()
    channel = near.createDataChannel("a")
    told: asyncio.Queue[bytes] = asyncio.Queue()
    assert watch_receipts(near, told.put_nowait)
    opened = asyncio.Event()
    channel.on("open", opened.set)
    await connect(near, far)
    await opened.wait()
    assert (await told.get())[:1] == b"\x03", "the channel's own"
    dtls: Any = near.sctp.transport  # type: ignore[union-attr]
    send = dtls._send_data
    lost: list[bytes] = []

    async def lose_one(data: bytes) -> None:
        if b"message 1" in data and not lost:
            lost.append(data)
            return
        await send(data)

    dtls._send_data = lose_one
    sent = [b"message %d" % number for number in range(6)]
    for data in sent:
        channel.send(data)
    came = [await told.get() for _ in sent]
    assert sorted(came) == sent
    assert came.index(b"message 1") > came.index(b"message 3"), "it came the second time"
    assert told.empty()
    await near.close()
    await far.close()


async def test_without_channels_or_their_places_nothing_is_touched() -> None:
    pc = RTCPeerConnection()
    assert not watch_receipts(pc, lambda data: None)
    pc.createDataChannel("a")
    sctp: Any = pc.sctp
    del sctp._sent_queue
    assert not watch_receipts(pc, lambda data: None)
    await pc.close()
