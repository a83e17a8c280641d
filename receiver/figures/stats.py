"""Stage 10, meter: what the connection itself counts, from aiortc's statistics (W3C webrtc-stats names)."""

from collections.abc import Mapping
from typing import Any

from aiortc.stats import RTCInboundRtpStreamStats, RTCRemoteOutboundRtpStreamStats

from receiver.figures.meter import Meter
from signaling.transport.insides.wire import WireCount


def read_stats(report: Mapping[str, Any], *, into: Meter) -> None:
    """Takes the video stream's and the transport's totals out of one statistics report."""
    received = sent = None
    for entry in report.values():
        if isinstance(entry, RTCInboundRtpStreamStats) and entry.kind == "video":
            received = entry
        elif isinstance(entry, RTCRemoteOutboundRtpStreamStats) and entry.kind == "video":
            sent = entry
        elif isinstance(entry, WireCount):
            into.connection(entry)
    if sent is None:
        return
    # aiortc files all streams of a receiver under one id: once packets are sent again, the entry may be of that stream.
    same = received is not None and received.ssrc == sent.ssrc
    into.rtp(
        payload_bytes=sent.bytesSent,
        sent_packets=sent.packetsSent,
        received_packets=received.packetsReceived if received is not None and same else sent.packetsSent,
        lost_packets=received.packetsLost if received is not None and same else 0,
    )
