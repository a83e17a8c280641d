"""Stage 6, transport: whether anything comes over a connection at all; ICE says so half a minute later (RFC 7675)."""

from collections.abc import Callable

from aiortc import RTCPeerConnection
from aiortc.stats import RTCTransportStats

from signaling.transport.insides.internals import connection_stats

__all__ = ["DEAD_S", "LOOK_S", "Silence", "packets_received"]

DOUBT_S = 1.0  # of silence: the other end is asked for a sign
DEAD_S = 2.0
LOOK_S = 0.25  # between two looks
LONGEST_LOOK_S = 2 * LOOK_S


async def packets_received(pc: RTCPeerConnection) -> int:
    """Of all kinds, since the connection began."""
    report = await connection_stats(pc)
    return sum(entry.packetsReceived for entry in report.values() if isinstance(entry, RTCTransportStats))


class Silence:
    """Says when a connection has fallen silent, from counts of packets. Pure: `see` is told them, and the time.

    Ends that have nothing to say are silent as well: `probe` asks the other one for a sign, as often as `see` is called
    after `DOUBT_S`; whatever comes back will do. Between two looks counts `LONGEST_LOOK_S` at most: where more has gone
    by, it is this end that was busy, and what came meanwhile may not have been read.
    """

    def __init__(self, probe: Callable[[], None]) -> None:
        self._probe = probe
        self._packets = -1
        self._silent_s = self._looked_s = 0.0
        self.since_s = 0.0  # when the last packet was seen

    def see(self, packets: int, *, now_s: float) -> bool:
        """How many packets have come so far; whether it is silent, for `DEAD_S` or longer."""
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        if packets != self._packets:
            self._packets, self.since_s, self._silent_s = packets, now_s, 0.0
            return False
        self._silent_s += min(passed_s, LONGEST_LOOK_S)
        if self._silent_s >= DOUBT_S:
            self._probe()
        return self._silent_s >= DEAD_S
