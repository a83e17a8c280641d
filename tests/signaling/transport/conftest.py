"""Two connections of aiortc's in one process, described to each other."""

from collections.abc import Awaitable, Callable

import pytest
from aiortc import RTCPeerConnection

Connect = Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]]


async def connected(offering: RTCPeerConnection, answering: RTCPeerConnection) -> None:
    await offering.setLocalDescription()
    await answering.setRemoteDescription(offering.localDescription)
    await answering.setLocalDescription()
    await offering.setRemoteDescription(answering.localDescription)


@pytest.fixture
def connect() -> Connect:
    """Offers and answers; that they are connected, or their channels open, is to be waited for."""
    return connected
