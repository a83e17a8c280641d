"""Stage 6, transport: the way that a connection's packets take, what that costs each of them, and what was counted."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Relay", "Way", "WireCount"]

Relay = Literal["", "udp", "tcp", "tls"]

_IPV6 = 20  # its header is 40 bytes, IPv4's 20
_CHANNEL_DATA = 4  # RFC 8656, 12.4: of each datagram that goes through a TURN server
_TCP = 24 + 2  # a header of 32 bytes with time stamps, UDP's is 8; ChannelData in it is padded to four (12.5)
_TLS = 22  # a record of TLS 1.3: 5, the kind of content 1, AEAD 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Between which kinds of address packets go (RFC 8445), and how they come to this end's TURN server, if one."""

    local: str  # host, srflx, prflx or relay
    remote: str
    ipv6: bool = False
    relay: Relay = ""

    @property
    def extra_bytes(self) -> int:
        """What a packet takes on this end's line beside what it would take in UDP over IPv4.

        Over TCP it is for a segment each; several in one take less, and the server's receipts are not in it.
        """
        relayed = _CHANNEL_DATA if self.relay else 0
        stream = {"": 0, "udp": 0, "tcp": _TCP, "tls": _TCP + _TLS}[self.relay]
        return (_IPV6 if self.ipv6 else 0) + relayed + stream

    def __str__(self) -> str:
        family = "IPv6" if self.ipv6 else "IPv4"
        if self.relay:
            return f"through a TURN server over {self.relay.upper()}, {family}"
        if self.remote == "relay":
            return f"through the other end's TURN server, {family}"
        behind = {self.local, self.remote} - {"host"}
        return f"directly{' through NAT' if behind else ''}, {family}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireCount:
    """Bytes of IP packets that a connection has sent and received; `way` is None while there is none."""

    out_bytes: int = 0
    in_bytes: int = 0
    way: Way | None = None
