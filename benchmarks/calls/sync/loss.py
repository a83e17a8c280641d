"""Stage 6, transport: a line that loses packets at random, both ways, under a connection that stands.

aiortc has no place for one: this wraps two members of its ICE transport that are its own affair.
"""

import random
from typing import Any

from aiortc import RTCPeerConnection

from benchmarks.errors import SettingError

__all__ = ["lose"]


def lose(pc: RTCPeerConnection, *, part: float, seed: int) -> None:
    """From now on `part` of the packets of `pc` get lost on their way out, and as many on their way in.

    Raises SettingError where this aiortc has no such members.
    """
    ice: Any = None if pc.sctp is None else pc.sctp.transport.transport
    if not (hasattr(ice, "_send") and hasattr(ice, "_recv")):
        raise SettingError("--loss: this version of aiortc has no ICE transport with _send and _recv")
    chance, send, receive = random.Random(seed), ice._send, ice._recv

    async def sending(data: bytes) -> None:
        if chance.random() >= part:
            await send(data)

    async def receiving() -> bytes:
        while True:
            data: bytes = await receive()
            if chance.random() >= part:
                return data

    ice._send, ice._recv = sending, receiving
