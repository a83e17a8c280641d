"""Stage 6, transport: what aiortc keeps to itself and we need all the same; aioice's: `sockets.py`, `consent.py`.

Each of these has a plain fallback for an aiortc that has it no more, and a test that says so when that day comes
(tests/signaling/transport/test_internals.py).
"""

import queue
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.codecs import h264

from signaling.transport.costs import MESSAGE_OVERHEAD, RTP_PAYLOAD
from signaling.transport.insides.sockets import extra_bytes, wire_count

__all__ = [
    "PacketSink",
    "bytes_on_their_way",
    "connection_stats",
    "forget_missing",
    "limit_packets",
    "limit_resends",
    "take_packets",
]


def bytes_on_their_way(pc: RTCPeerConnection) -> int | None:
    """What SCTP has sent and has no receipt for, as it counts on the wire; None where aiortc does not tell.

    A message that is lost counts until the transport gives it up or has sent it again.
    """
    chunks: Any = getattr(pc.sctp, "_sent_queue", None)
    if chunks is None:
        return None
    try:
        waiting = [chunk for chunk in chunks if not (chunk._acked or chunk._abandoned)]
        each = MESSAGE_OVERHEAD + extra_bytes(pc)
        return sum(len(chunk.user_data) + each for chunk in waiting)
    except AttributeError:
        return None


async def connection_stats(pc: RTCPeerConnection) -> Mapping[str, Any]:
    """Its statistics (W3C webrtc-stats), the transport's also where only data channels use it, and a `WireCount`.

    aiortc gathers them from tracks: without any it tells of no packet at all.
    """
    report: dict[str, Any] = dict(await pc.getStats())
    transport: Any = None if pc.sctp is None else pc.sctp.transport
    get_stats = getattr(transport, "_get_stats", None)
    if get_stats is not None:
        report.update(get_stats())
    report["wire"] = wire_count(pc)
    return report


class PacketSink(Protocol):
    """Where a receiver's packets go in place of aiortc's own jitter buffer."""

    def packet(self, sequence: int, *, timestamp: int, last: bool, data: bytes) -> None:
        """One packet, in whichever order they come: RTP's numbers, and what it holds as Annex B."""

    def ended(self) -> None:
        """There will be no more."""


class _Buffer:
    """Stands where aiortc keeps packets until pictures are whole: it never gives any."""

    def __init__(self, sink: PacketSink) -> None:
        self._sink = sink

    def add(self, packet: Any) -> tuple[bool, None]:
        """See aiortc.jitterbuffer.JitterBuffer."""
        self._sink.packet(
            packet.sequence_number, timestamp=packet.timestamp, last=bool(packet.marker), data=bytes(packet._data)
        )
        return False, None


class _End(queue.Queue[Any]):
    """Stands where aiortc puts pictures for its decoding thread: of which there are none, but an end."""

    def __init__(self, sink: PacketSink, beyond: "queue.Queue[Any]") -> None:
        super().__init__()
        self._sink, self._beyond = sink, beyond

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            self._sink.ended()
            self._beyond.put(None)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        return self._beyond.get(block, timeout)


_BUFFER, _QUEUE = "_RTCRtpReceiver__jitter_buffer", "_RTCRtpReceiver__decoder_queue"
_MISSING = "_RTCRtpReceiver__nack_generator"


def take_packets(receiver: RTCRtpReceiver, sink: PacketSink) -> bool:
    """Leads a receiver's packets to `sink`, at any time; False where aiortc has no such places any more.

    Its jitter buffer waits behind one lost packet for 512 others, and then gives one picture a packet, so that all that
    follow are as late; its decoder takes pictures of any size.
    """
    if not hasattr(receiver, _BUFFER) or not hasattr(receiver, _QUEUE):
        return False
    setattr(receiver, _BUFFER, _Buffer(sink))
    setattr(receiver, _QUEUE, _End(sink, getattr(receiver, _QUEUE)))
    return True


def forget_missing(receiver: RTCRtpReceiver, sequence: int) -> None:
    """Packets before this one are not asked for any more: aiortc names all that ever were missing, each time."""
    missing: set[int] = getattr(getattr(receiver, _MISSING, None), "missing", set())
    for number in [number for number in missing if (sequence - number) % 65_536 < 32_768]:
        missing.discard(number)


def limit_packets() -> bool:
    """Cuts H.264 into packets that every path takes, from now on and for the whole process; False where aiortc has no
    such place any more."""
    if not hasattr(h264, "PACKET_MAX"):
        return False
    h264.PACKET_MAX = RTP_PAYLOAD
    return True


def limit_resends(sender: RTCRtpSender, may_resend: Callable[[int], bool]) -> bool:
    """Asks before a packet is sent again, by its number; False where aiortc has no such place any more."""
    resend = getattr(sender, "_retransmit", None)
    if resend is None:
        return False

    async def limited(sequence_number: int) -> None:
        if may_resend(sequence_number):
            await resend(sequence_number)

    setattr(sender, "_retransmit", limited)  # noqa: B010 -- mypy knows it as a method
    return True
