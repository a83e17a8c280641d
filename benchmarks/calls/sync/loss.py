"""Stage 6, transport: a line that loses packets at random, both ways, under a connection.

aiortc has no place for one: this wraps two members of its ICE transport that are its own affair.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiortc import RTCIceTransport, RTCPeerConnection

from benchmarks.errors import SettingError

__all__ = ["lose", "losing"]


def lose(pc: RTCPeerConnection, *, part: float, seed: int) -> None:
    """From now on `part` of the packets of `pc` get lost on their way out, and as many on their way in.

    Raises SettingError where this aiortc has no such members.
    """
    _wrap(None if pc.sctp is None else pc.sctp.transport.transport, part=part, chance=random.Random(seed))


@contextmanager
def losing(*, part: float, seed: int) -> Iterator[None]:
    """The same for all connections that this process makes meanwhile, from their first packet on."""
    begin, chance = RTCIceTransport.__init__, random.Random(seed)

    def begun(ice: RTCIceTransport, *given: Any, **named: Any) -> None:
        begin(ice, *given, **named)
        _wrap(ice, part=part, chance=chance)

    RTCIceTransport.__init__ = begun  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        RTCIceTransport.__init__ = begin  # type: ignore[method-assign]


def _wrap(ice: Any, *, part: float, chance: random.Random) -> None:
    if not (hasattr(ice, "_send") and hasattr(ice, "_recv")):
        raise SettingError("--loss: this version of aiortc has no ICE transport with _send and _recv")
    send, receive = ice._send, ice._recv

    async def sending(data: bytes) -> None:
        if chance.random() >= part:
            await send(data)

    async def receiving() -> bytes:
        while True:
            data: bytes = await receive()
            if chance.random() >= part:
                return data

    ice._send, ice._recv = sending, receiving
