"""Stage 6, transport: what messages and packets cost on the wire, by a stated packet model, and rates of them.

A data-channel message of N bytes leaves as N + 93 bytes and brings a SACK of 93 bytes back at most; an RTP packet with
N bytes of payload leaves as N + 50. Both were measured with aiortc over loopback. Not counted: the control channel's
own messages, RTCP, ICE checks. The meters' `connection` figures have all of it, as the transport counts it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "KINDS",
    "MAX_MESSAGE_BYTES",
    "MESSAGE_OVERHEAD",
    "RTP_HEADER",
    "RTP_OVERHEAD",
    "RTP_PAYLOAD",
    "SACK_BYTES",
    "UDP_IP_HEADER",
    "Kind",
    "Wire",
    "kbps",
    "messages_on_wire",
    "per_second",
    "rtp_on_wire",
]

Kind = Literal["keypoints", "h264"]  # the two flows that are metered side by side
KINDS: tuple[Kind, ...] = ("keypoints", "h264")

# The most that aiortc sends in one SCTP DATA chunk: one byte more travels as two packets, with two SACKs.
MAX_MESSAGE_BYTES = 1160
MESSAGE_OVERHEAD = 93  # IPv4 20, UDP 8, DTLS record and AEAD 37, SCTP common header and DATA chunk 28
SACK_BYTES = 93
RTP_HEADER = 12
RTP_OVERHEAD = 50  # IPv4 20, UDP 8, RTP 12, SRTP tag 10
# The most that we put into one RTP packet: aiortc's own 1,300 are lost where a path takes 1,280 bytes, as IPv6 asks for
# at least: 40 of IPv6, 8 of UDP, 4 of a TURN server, RTP 12 with extensions of up to 20, SRTP 10, and 2 of a resend.
RTP_PAYLOAD = 1160
UDP_IP_HEADER = 28


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes on the wire: out, and what comes back for them."""

    out: int
    back: int


def messages_on_wire(sizes: Iterable[int]) -> Wire:
    """Data-channel messages of these sizes in bytes."""
    listed = list(sizes)
    return Wire(out=sum(listed) + MESSAGE_OVERHEAD * len(listed), back=SACK_BYTES * len(listed))


def rtp_on_wire(sizes: Iterable[int]) -> Wire:
    """Coded pictures of these sizes in bytes, each cut into RTP packets of its own."""
    return Wire(out=sum(size + RTP_OVERHEAD * -(-size // RTP_PAYLOAD) for size in sizes), back=0)


def kbps(amount_bytes: int, seconds: float) -> float:
    """Kilobits a second, to two places; 0 over no time."""
    return round(amount_bytes * 8 / 1000 / seconds, 2) if seconds > 0 else 0.0


def per_second(amount: int, seconds: float) -> float:
    """How many a second, to one place; 0 over no time."""
    return round(amount / seconds, 1) if seconds > 0 else 0.0
