"""Receipts: one for two messages, or along with one of our own; at once where something is missing."""

import asyncio
from typing import Any

import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcsctptransport import DataChunk, parse_packet

from signaling.transport.insides.receipts import spare_receipts


class Lines:
    """Two ends whose packets are noted: for each, the kinds of its chunks."""

    def __init__(self) -> None:
        self.near, self.far = RTCPeerConnection(), RTCPeerConnection()
        self.channel = self.near.createDataChannel("a", ordered=False, maxRetransmits=0)
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.other: Any = None
        self.packets: dict[str, list[tuple[str, ...]]] = {"near": [], "far": []}
        self.answered = asyncio.Event()  # by a packet from far
        self.lose: list[bool] = []  # of the next messages from near

    async def open(self, connect: Any) -> None:
        opened, there = asyncio.Event(), asyncio.Event()

        @self.far.on("datachannel")
        def on_channel(other: Any) -> None:
            self.other = other
            other.on("message", self.heard.put_nowait)
            there.set()

        self.channel.on("open", opened.set)
        await connect(self.near, self.far)
        await opened.wait()
        await there.wait()
        for name, end in (("near", self.near), ("far", self.far)):
            self._note(name, end)

    def _note(self, name: str, end: RTCPeerConnection) -> None:
        assert end.sctp is not None
        dtls: Any = end.sctp.transport
        send = dtls._send_data

        async def noted(data: bytes) -> None:
            chunks = parse_packet(data)[3]
            if name == "near" and self.lose and isinstance(chunks[-1], DataChunk) and self.lose.pop(0):
                return
            self.packets[name].append(tuple(type(chunk).__name__ for chunk in chunks))
            if name == "far":
                self.answered.set()
            await send(data)

        dtls._send_data = noted

    async def close(self) -> None:
        await self.near.close()
        await self.far.close()

    async def said(self, count: int) -> None:
        for _ in range(count):
            self.channel.send(b"x")
            await self.heard.get()


@pytest.fixture
async def lines(connect: Any) -> Any:
    both = Lines()
    await both.open(connect)
    assert spare_receipts(both.far)
    assert spare_receipts(both.far)  # once is enough
    yield both
    await both.close()


def receipts(lines: Lines) -> int:
    return sum("SackChunk" in kinds for kinds in lines.packets["far"])


async def test_two_messages_are_one_receipt(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.transport.insides.receipts._LATEST_S", 60.0)
    await lines.said(10)
    assert receipts(lines) == 5


async def test_the_last_one_has_its_receipt_a_little_later(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.transport.insides.receipts._LATEST_S", 0.01)
    await lines.said(1)
    await lines.answered.wait()
    assert lines.packets["far"] == [("SackChunk",)]


async def test_a_message_takes_the_receipt_along(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.transport.insides.receipts._LATEST_S", 60.0)
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    lines.channel.on("message", answers.put_nowait)
    await lines.said(1)
    lines.other.send(b"y")
    assert await answers.get() == b"y"
    assert lines.packets["far"] == [("SackChunk", "DataChunk")]
    assert lines.near.sctp is not None
    assert not lines.near.sctp._sent_queue


async def test_a_gap_is_told_at_once(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.transport.insides.receipts._LATEST_S", 60.0)
    lines.lose = [True]
    lines.channel.send(b"lost")
    await lines.said(1)
    await lines.answered.wait()
    assert lines.packets["far"][0] == ("SackChunk",)


async def test_what_we_touch_is_there() -> None:
    pc = RTCPeerConnection()
    assert not spare_receipts(pc)
    pc.createDataChannel("a")
    assert spare_receipts(pc)
    assert pc.sctp is not None
    del pc.sctp._sack_misordered
    assert not spare_receipts(pc)
    pc.sctp._sack_misordered = set()
    await pc.close()
