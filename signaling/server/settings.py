"""Signaling, server settings: how patient the server is, and how much of it one stranger may have."""

from dataclasses import dataclass, field

from signaling.server.quotas import Allowance
from signaling.server.rooms import RoomLimits

__all__ = ["ServerSettings"]

_LINE = Allowance(at_once=64, per_s=8)  # a negotiation is an offer or an answer, and a dozen candidates
_ADDRESS = Allowance(at_once=512, per_s=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Times in seconds, and limits that a family behind one address does not reach.

    An address is one of IPv4, or a /64 of IPv6. A message counts once and once more for each 4 KiB of it; messages
    beyond an allowance are not lost, they are read later.
    """

    limits: RoomLimits = field(default_factory=RoomLimits)
    heartbeat_s: float = 20.0  # a ping this often; no answer within half of it ends the line
    hello_s: float = 10.0  # a new connection is an end in a room within this, or it is cut
    probe_s: float = 2.0  # the holder of a seat that another end wants answers a ping within this
    sweep_s: float = 1.0  # how often rooms and connections are looked through
    close_s: float = 1.0  # an end that is sent away takes its last message within this
    connections: int = 4000  # at a time; fewer where the process may not open so many descriptors
    connections_per_address: int = 64
    line_messages: Allowance = _LINE
    address_messages: Allowance = _ADDRESS
    origins: frozenset[str] = frozenset()  # of web pages that may connect; programs send no Origin
    proxies: frozenset[str] = frozenset()  # addresses whose X-Forwarded-For is believed
