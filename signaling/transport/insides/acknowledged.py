"""Stage 6, transport: which messages the other end of an SCTP association has, as its receipts tell.

For a stream whose other end is no end of ours: an SFU sends receipts (SACKs, RFC 9260, 3.3.4), and no arrival reports.

Touches what aiortc keeps to itself (tests/signaling/transport/test_acknowledged.py).
"""

from collections.abc import Callable
from typing import Any

from aiortc import RTCPeerConnection

__all__ = ["watch_receipts"]


def watch_receipts(pc: RTCPeerConnection, acknowledged: Callable[[bytes], None]) -> bool:
    """Each message goes to `acknowledged` when its receipt comes; False where aiortc has no such places any more.

    Of a message in several chunks, each chunk: those of this codec are in one.
    """
    sctp: Any = pc.sctp
    if sctp is None or not all(hasattr(sctp, name) for name in ("_receive_sack_chunk", "_sent_queue")):
        return False
    receive = sctp._receive_sack_chunk

    async def received(chunk: Any) -> None:
        waiting = [sent for sent in sctp._sent_queue if not sent._acked]
        await receive(chunk)
        still = {id(sent) for sent in sctp._sent_queue}
        for sent in waiting:
            if sent._acked or id(sent) not in still:
                acknowledged(bytes(sent.user_data))

    sctp._receive_sack_chunk = received
    return True
