"""Stage 6, transport: fewer receipts (SCTP's SACKs): one for two messages, or along with a message of our own.

aiortc sends one of 93 bytes for each message at once, in a packet of its own: on a thin line that is a fifth of all.
RFC 9260 (6.2) has one for each second packet, within 200 ms, and lets it travel in the packet of a message (6.10).
Where a message is missing it goes at once, as there: the other end is waiting for that.

Touches what aiortc keeps to itself (tests/signaling/transport/test_receipts.py); without it, receipts are as they were.
"""

import asyncio
from typing import Any
from weakref import WeakSet

from aiortc import RTCPeerConnection

__all__ = ["spare_receipts"]

_LATEST_S = 0.2
_PACKETS = 2
_LARGEST_TOGETHER = 1200  # bytes of both, in an SCTP packet

_spared: "WeakSet[Any]" = WeakSet()


class _Together:
    """A receipt and a message, as they stand in one packet."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __bytes__(self) -> bytes:
        return b"".join(bytes(part) for part in self._parts)


class _Receipts:
    """Of one SCTP association: whether one is owed, and since how many packets."""

    def __init__(self, sctp: Any) -> None:
        self._sctp = sctp
        self._send_chunk, self._send_sack = sctp._send_chunk, sctp._send_sack
        self._owed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._caught: Any = None
        self._is_catching = False

    async def receipt(self) -> None:
        """In place of aiortc's `_send_sack`: a packet came that wants one."""
        self._owed += 1
        if self._sctp._sack_misordered or self._sctp._sack_duplicates or self._owed >= _PACKETS:
            await self._now()
            return
        self._sctp._sack_needed = False
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LATEST_S, self._late)

    async def chunk(self, chunk: Any) -> None:
        """In place of aiortc's `_send_chunk`: a message takes along what is owed."""
        if self._is_catching:
            self._caught = chunk
            return
        if self._owed and hasattr(chunk, "user_data"):
            receipt = await self._made()
            if len(bytes(receipt)) + len(bytes(chunk)) <= _LARGEST_TOGETHER:
                self._settle()
                await self._send_chunk(_Together(receipt, chunk))
                return
        await self._send_chunk(chunk)

    async def _made(self) -> Any:
        """The receipt itself, as aiortc makes it, without sending it."""
        self._is_catching = True
        try:
            await self._send_sack()
        finally:
            self._is_catching = False
        return self._caught

    async def _now(self) -> None:
        self._settle()
        await self._send_sack()

    def _late(self) -> None:
        self._timer = None
        if self._owed:
            task = asyncio.ensure_future(self._quietly())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _quietly(self) -> None:
        try:
            await self._now()
        except ConnectionError:  # it has ended meanwhile
            return

    def _settle(self) -> None:
        self._owed = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def spare_receipts(pc: RTCPeerConnection) -> bool:
    """From now on, once there are data channels; False where aiortc has no such places any more."""
    sctp: Any = pc.sctp
    if sctp is None or not all(hasattr(sctp, name) for name in ("_send_sack", "_send_chunk", "_sack_misordered")):
        return False
    if sctp not in _spared:
        _spared.add(sctp)
        receipts = _Receipts(sctp)
        sctp._send_sack, sctp._send_chunk = receipts.receipt, receipts.chunk
    return True
