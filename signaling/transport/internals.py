"""Stage 6, transport: what aiortc keeps to itself and we need all the same; the one file that touches it.

Each of these has a plain fallback for an aiortc that has it no more, and a test that says so when that day comes
(tests/signaling/transport/test_internals.py).
"""

from typing import Any

from aiortc import RTCPeerConnection

from signaling.transport.costs import MESSAGE_OVERHEAD

__all__ = ["bytes_on_their_way"]


def bytes_on_their_way(pc: RTCPeerConnection) -> int | None:
    """What SCTP has sent and has no receipt for, as it counts on the wire; None where aiortc does not tell.

    A message that is lost counts until the transport gives it up or has sent it again.
    """
    chunks: Any = getattr(pc.sctp, "_sent_queue", None)
    if chunks is None:
        return None
    try:
        waiting = [chunk for chunk in chunks if not (chunk._acked or chunk._abandoned)]
        return sum(len(chunk.user_data) + MESSAGE_OVERHEAD for chunk in waiting)
    except AttributeError:
        return None
