"""Stage 6, transport (as counted): payload bytes to bytes on the wire, by a stated packet model.

A data-channel message of N bytes leaves as N + 93 bytes (UDP/IP 28, DTLS 37, SCTP 28) and brings a 93-byte
acknowledgement back; the motion channel sends each message alone. An RTP packet of N bytes of payload leaves as N + 50
(UDP/IP 28, SRTP 22); its receiver reports are too few to count. Both were measured with aiortc over loopback.
"""

from collections.abc import Iterable
from dataclasses import dataclass

MESSAGE_OVERHEAD = 93
MESSAGE_ACKNOWLEDGEMENT = 93
RTP_OVERHEAD = 50
RTP_PAYLOAD = 1300  # the largest payload aiortc puts into one packet


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes on the wire: out, and what comes back for them."""

    out: int
    back: int


def messages_on_wire(sizes: Iterable[int]) -> Wire:
    """Data-channel messages of these sizes in bytes."""
    listed = list(sizes)
    return Wire(out=sum(listed) + MESSAGE_OVERHEAD * len(listed), back=MESSAGE_ACKNOWLEDGEMENT * len(listed))


def rtp_on_wire(sizes: Iterable[int]) -> Wire:
    """Coded pictures of these sizes in bytes, each cut into RTP packets of its own."""
    return Wire(out=sum(size + RTP_OVERHEAD * -(-size // RTP_PAYLOAD) for size in sizes), back=0)
