"""Stage 6, transport: how long SCTP waits for a receipt before it gives up what is on its way: 0.4 s at least, not 1 s.

RFC 9260 (6.3.1) recommends a second, for hosts that hold receipts back for a fifth of one; WebRTC's own stacks wait
0.4 s (dcSCTP's `rto_min`). What is said here is of use for half a second. Where a tenth and more gets lost, all that is
on its way is lost now and then, or the receipts for it, and nothing leaves until that time is over.

Touches what aiortc keeps to itself (tests/signaling/transport/test_timeouts.py); without it, timeouts are as they were.
"""

from typing import Any
from weakref import WeakSet

from aiortc import RTCPeerConnection

__all__ = ["LEAST_S", "quicken_timeouts"]

LEAST_S = 0.4
_LONGEST_S = 60.0  # RTO.Max

_quickened: "WeakSet[Any]" = WeakSet()


def quicken_timeouts(pc: RTCPeerConnection) -> bool:
    """From now on, once there are data channels; False where aiortc has no such places any more."""
    sctp: Any = pc.sctp
    if sctp is None or not all(hasattr(sctp, name) for name in ("_update_rto", "_rto", "_srtt", "_rttvar")):
        return False
    if sctp in _quickened:
        return True
    _quickened.add(sctp)
    update = sctp._update_rto

    def updated(round_trip_s: float) -> None:
        update(round_trip_s)
        sctp._rto = max(LEAST_S, min(sctp._srtt + 4 * sctp._rttvar, _LONGEST_S))

    sctp._update_rto = updated
    return True
