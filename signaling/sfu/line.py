"""Stage 6, SFU: the sender's line to it: SCTP's receipts, as the arrival reports that no SFU sends."""

import time
from collections.abc import Callable

from aiortc import RTCPeerConnection

from signaling.errors import MessageError
from signaling.sfu.mux import Kind, Multiplexer, MuxMessage
from signaling.transport.congestion import ArrivalLog
from signaling.transport.insides.acknowledged import watch_receipts

__all__ = ["LineReports"]


class LineReports:
    """Tells a stream's sender, on its motion channel, when its messages came, as an end of ours would.

    A receipt comes a round trip after its message, so the way back counts as well, and up to 0.2 s later where only one
    packet has come (RFC 9260, 6.2): of the messages of a report the quickest stands for all.
    """

    def __init__(self, multiplexer: Multiplexer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._multiplexer, self._clock = multiplexer, clock
        self._log = ArrivalLog()

    def watch(self, pc: RTCPeerConnection) -> bool:
        """From now on; False where the transport does not tell."""
        return watch_receipts(pc, self.acknowledged)

    def acknowledged(self, data: bytes) -> None:
        """A message of the carrier has its receipt."""
        try:
            message = MuxMessage.parse(data)
        except MessageError:
            return  # the transport's own: a channel that opens
        now_s = self._clock()
        self._log.add(message.data, now_s=now_s)
        report = self._log.take(now_s=now_s)
        if report is not None:
            self._multiplexer.channel(Kind.MOTION).hear(bytes(report))
