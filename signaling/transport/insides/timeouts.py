"""Stage 6, transport: how long SCTP waits for a receipt before it gives up what is on its way.

A second at least at first (RFC 9260, 6.3.1): what is given up may wait in a queue, and what is sent again waits behind
it. A line that has fallen to a quarter of its rate would never be rid of that. What is sent again then is one packet,
and where both ways lose a third of all, half of those tries fail: so the next comes after 0.4 s or one and a half round
trips, and from there on each waits twice as long (6.3.3; aiortc leaves that out), up to two of the first waits. Not
without end: a way that comes back after ten seconds would wait for up to eight more, where people wait, too (dcSCTP has
its `max_timer_backoff_duration` for that).

Where the line is known to lose what it has room for, nothing waits, and a second is long: what is said here is of use
for half a second, and where a tenth and more gets lost, all that is on its way is lost now and then, or the receipts
for it. There it is 0.4 s, as in dcSCTP (its `rto_min`), each time.

Touches what aiortc keeps to itself (tests/signaling/transport/test_timeouts.py); without it, timeouts are aiortc's.
"""

from typing import Any
from weakref import WeakKeyDictionary

from aiortc import RTCPeerConnection

__all__ = ["LEAST_S", "QUICK_S", "govern_timeouts", "hurry"]

QUICK_S, LEAST_S = 0.4, 1.0
_LONGEST_S = 60.0  # RTO.Max
_TRIPS = 1.5
_PLACES = ("_update_rto", "_t3_expired", "_rto", "_srtt", "_rttvar")


class _Timeouts:
    """Those of one association."""

    def __init__(self, sctp: Any) -> None:
        self._sctp = sctp
        self._update, self._expired = sctp._update_rto, sctp._t3_expired
        self._first_s = float(sctp._rto)
        self._soon_s = 0.0  # the wait after the next one without a receipt; 0: the last had one
        self.quick = False

    def update(self, round_trip_s: float) -> None:
        """A receipt came after so long."""
        self._update(round_trip_s)
        self._soon_s = 0.0
        self.settle()

    def settle(self) -> None:
        """By what is known of the way."""
        if self._sctp._srtt is not None:
            self._sctp._rto = self._estimate_s

    def expired(self) -> None:
        """None came."""
        if not self.quick:
            soon_s = self._soon_s or max(QUICK_S, _TRIPS * (self._sctp._srtt or LEAST_S))
            self._sctp._rto = min(soon_s, 2 * self._estimate_s, _LONGEST_S)
            self._soon_s = 2 * self._sctp._rto
        self._expired()

    @property
    def _estimate_s(self) -> float:
        """What receipts take, as far as is known."""
        sctp = self._sctp
        if sctp._srtt is None:
            return self._first_s
        least_s = QUICK_S if self.quick else LEAST_S
        return max(least_s, min(float(sctp._srtt + 4 * sctp._rttvar), _LONGEST_S))


_governed: "WeakKeyDictionary[Any, _Timeouts]" = WeakKeyDictionary()


def govern_timeouts(pc: RTCPeerConnection) -> bool:
    """From now on, once there are data channels; False where aiortc has no such places any more."""
    sctp: Any = pc.sctp
    if sctp is None or not all(hasattr(sctp, name) for name in _PLACES):
        return False
    if sctp not in _governed:
        timeouts = _governed[sctp] = _Timeouts(sctp)
        sctp._update_rto, sctp._t3_expired = timeouts.update, timeouts.expired
    return True


def hurry(pc: RTCPeerConnection, does: bool) -> None:
    """Whether what is lost is not to be waited for: the line loses, and nothing waits in it. Not governed: nothing."""
    timeouts = None if pc.sctp is None else _governed.get(pc.sctp)
    if timeouts is not None and timeouts.quick != does:
        timeouts.quick = does
        timeouts.settle()
