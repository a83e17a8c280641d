"""A line that loses packets: as many as it is told, both ways, and the same ones for the same seed."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCIceGatherer, RTCIceTransport, RTCPeerConnection

from benchmarks.calls.sync.loss import lose, losing
from benchmarks.errors import SettingError


class Wire:
    """In place of an ICE transport."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._coming = iter(range(256))

    async def _send(self, data: bytes) -> None:
        self.sent.append(data)

    async def _recv(self) -> bytes:
        return bytes([next(self._coming)])


def lossy(*, part: float, seed: int) -> Wire:
    wire = Wire()
    pc: Any = SimpleNamespace(sctp=SimpleNamespace(transport=SimpleNamespace(transport=wire)))
    lose(pc, part=part, seed=seed)
    return wire


async def run(*, part: float, seed: int) -> tuple[list[bytes], list[bytes]]:
    wire = lossy(part=part, seed=seed)
    for number in range(200):
        await wire._send(bytes([number]))
    return wire.sent, [await wire._recv() for _ in range(100)]


async def test_the_part_that_is_told_is_lost_each_way_and_repeats() -> None:
    sent, came = await run(part=0.2, seed=1)
    assert len(sent) == pytest.approx(160, abs=20)
    assert came[-1][0] + 1 == pytest.approx(125, abs=15)
    assert (sent, came) == await run(part=0.2, seed=1)
    assert (sent, came) != await run(part=0.2, seed=2)


async def test_no_loss_loses_nothing() -> None:
    sent, came = await run(part=0.0, seed=1)
    assert (len(sent), came[-1]) == (200, bytes([99]))


async def test_the_members_that_are_wrapped_are_there_and_a_connection_without_them_is_named() -> None:
    ice = RTCIceTransport(RTCIceGatherer())
    assert callable(ice._send)
    assert callable(ice._recv)
    pc = RTCPeerConnection()
    try:
        with pytest.raises(SettingError, match="aiortc"):
            lose(pc, part=0.1, seed=1)
    finally:
        await pc.close()


async def test_whatever_a_process_connects_meanwhile_loses_too() -> None:
    with losing(part=1.0, seed=1):
        lossy_ice: Any = RTCIceTransport(RTCIceGatherer())
    await lossy_ice._send(b"x")  # a transport that is not connected would refuse it
    plain: Any = RTCIceTransport(RTCIceGatherer())
    with pytest.raises(ConnectionError):
        await plain._send(b"x")
