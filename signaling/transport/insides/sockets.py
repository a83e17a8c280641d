"""Stage 6, transport: what passes at the sockets under an RTCPeerConnection: ICE's checks, a relay's framing and all.

Touches what aioice keeps to itself, as `consent.py` does (tests/signaling/transport/test_sockets.py): without it, the
transport's own count of packets is taken, each as UDP over IPv4.
"""

import socket
import struct
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from aiortc import RTCPeerConnection
from aiortc.stats import RTCTransportStats

from signaling.transport.costs import UDP_IP_HEADER
from signaling.transport.insides.wire import Relay, Way, WireCount

__all__ = ["extra_bytes", "way_of", "wire_count"]

_IPV4, _IPV6, _UDP, _TCP = 20, 40, 8, 20
_TIME_STAMPS = 12  # of TCP, RFC 7323
# linux/tcp.h: tcpi_options, tcpi_bytes_received, tcpi_segs_out, tcpi_segs_in, tcpi_bytes_sent
_OPTIONS, _RECEIVED, _SEGMENTS, _SENT, _TCP_INFO_BYTES = 5, 128, 136, 200, 208
_TCPI_OPT_TIMESTAMPS = 1


@dataclass(slots=True)
class _Tally:
    """Of one socket."""

    header_bytes: int
    out_bytes: int = 0
    in_bytes: int = 0

    def leaves(self, size: int) -> None:
        self.out_bytes += size + self.header_bytes

    def comes(self, size: int) -> None:
        self.in_bytes += size + self.header_bytes


class _Counting:
    """Stands where aioice keeps a datagram transport."""

    def __init__(self, inner: Any, tally: _Tally) -> None:
        self._inner, self._tally = inner, tally

    def sendto(self, data: bytes, *address: Any) -> None:
        self._tally.leaves(len(data))
        self._inner.sendto(data, *address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Sockets:
    """Of one ICE transport: the socket that was chosen, and what was counted before it was known."""

    def __init__(self) -> None:
        self._chosen: Any = None
        self._tally: _Tally | None = None
        self._before = (0, 0)

    def count(self, chosen: Any, way: Way, counted: RTCTransportStats) -> tuple[int, int]:
        """Bytes out and in so far."""
        if way.relay in ("tcp", "tls"):
            info = _tcp_count(chosen.transport.get_extra_info("socket"), ipv6=way.ipv6)
            return info if info is not None else _modelled(counted, way)
        if chosen is not self._chosen:
            self._before = _modelled(counted, way) if self._tally is None else self._totals()
            self._chosen = chosen
            self._tally = _listen(chosen, way)
        return self._totals()

    def _totals(self) -> tuple[int, int]:
        assert self._tally is not None
        return self._before[0] + self._tally.out_bytes, self._before[1] + self._tally.in_bytes


_sockets: "WeakKeyDictionary[Any, _Sockets]" = WeakKeyDictionary()  # by ICE transport


def way_of(pc: RTCPeerConnection) -> Way | None:
    """The way its packets take; None before there is one, or where aioice does not tell."""
    ways = [found[1] for dtls in carriers(pc) if (found := _chosen(dtls)) is not None]
    return ways[0] if ways else None


def extra_bytes(pc: RTCPeerConnection) -> int:
    """What each of its packets takes beside what it would take in UDP over IPv4."""
    way = way_of(pc)
    return 0 if way is None else way.extra_bytes


def wire_count(pc: RTCPeerConnection) -> WireCount:
    """What it has put on the line and taken from it, as IP packets; from now on ICE and TURN are in it too."""
    out_bytes = in_bytes = 0
    for dtls in carriers(pc):
        get_stats = getattr(dtls, "_get_stats", None)
        entries = [] if get_stats is None else list(get_stats().values())
        counted = next((entry for entry in entries if isinstance(entry, RTCTransportStats)), None)
        if counted is None:
            continue
        found = _chosen(dtls)
        if found is None:
            passed = _modelled(counted, None)
        else:
            passed = _sockets.setdefault(dtls.transport, _Sockets()).count(*found, counted)
        out_bytes, in_bytes = out_bytes + passed[0], in_bytes + passed[1]
    return WireCount(out_bytes=out_bytes, in_bytes=in_bytes, way=way_of(pc))


def carriers(pc: RTCPeerConnection) -> list[Any]:
    """Its DTLS transports: one, where all is bundled."""
    parts: list[Any] = [
        end for transceiver in pc.getTransceivers() for end in (transceiver.sender, transceiver.receiver)
    ]
    parts += [pc.sctp] if pc.sctp is not None else []
    return list(dict.fromkeys(part.transport for part in parts if part.transport is not None))


def _chosen(dtls: Any) -> tuple[Any, Way] | None:
    """The protocol whose `transport` is the socket in use, and the way from it; None where there is none."""
    try:
        pair = next(iter(dtls.transport._connection._nominated.values()), None)
        if pair is None:
            return None
        protocol = pair.protocol
        relay: Relay = ""
        if pair.local_candidate.type == "relay":
            protocol = protocol.transport._TurnTransport__inner_protocol
            relay = _relay(protocol.transport)
        family = protocol.transport.get_extra_info("socket").family
        return protocol, Way(
            local=pair.local_candidate.type,
            remote=pair.remote_candidate.type,
            ipv6=family == socket.AF_INET6,
            relay=relay,
        )
    except AttributeError:
        return None


def _relay(transport: Any) -> Relay:
    if transport.get_extra_info("ssl_object") is not None:
        return "tls"
    return "udp" if hasattr(transport, "sendto") else "tcp"


def _listen(protocol: Any, way: Way) -> _Tally:
    """Counts what goes through a socket of UDP from now on."""
    tally = _Tally((_IPV6 if way.ipv6 else _IPV4) + _UDP)
    protocol.transport = _Counting(protocol.transport, tally)
    hear = protocol.datagram_received

    def heard(data: bytes, address: Any) -> None:
        tally.comes(len(data))
        hear(data, address)

    protocol.datagram_received = heard
    return tally


def _tcp_count(line: Any, *, ipv6: bool) -> tuple[int, int] | None:
    """What the kernel says of a TCP socket, receipts and all; None where it does not."""
    try:
        info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except (OSError, AttributeError):  # another system than Linux, or the socket is gone
        return None
    if len(info) < _TCP_INFO_BYTES:
        return None
    header = (_IPV6 if ipv6 else _IPV4) + _TCP + (_TIME_STAMPS if info[_OPTIONS] & _TCPI_OPT_TIMESTAMPS else 0)
    received, segments_out, segments_in = struct.unpack_from("=QII", info, _RECEIVED)
    (sent,) = struct.unpack_from("=Q", info, _SENT)
    return sent + header * segments_out, received + header * segments_in


def _modelled(counted: RTCTransportStats, way: Way | None) -> tuple[int, int]:
    """As the transport counts: datagrams, each as it costs on such a way."""
    each = UDP_IP_HEADER + (0 if way is None else way.extra_bytes)
    return (
        counted.bytesSent + each * counted.packetsSent,
        counted.bytesReceived + each * counted.packetsReceived,
    )
