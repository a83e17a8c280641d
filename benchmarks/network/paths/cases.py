"""Stage 6, transport, measured: the homes that calls are tried between, by name."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "Case", "Nat", "Turn"]

Nat = Literal["", "cone", "symmetric"]
Turn = Literal["", "udp", "tcp", "tls"]
Mode = Literal["", "h264"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What both homes are like, which servers are named, and what is to come of it.

    `way`: words of the line that says how the call goes; "" where it cannot come about, and `why` are words of the line
    that says so. `mode` is the sender's, where it is not the one asked for. `mtu` is of the line between each home and
    the network; with `silent` what is larger vanishes there, and only TCP is told beforehand, by the routers (MSS);
    else whoever sent it is (ICMP).
    """

    nat: Nat = ""
    ipv6: bool = False
    stun: bool = False
    turn: Turn = ""
    login: Literal["good", "old"] = "good"
    mtu: int = 1500
    silent: bool = False
    mode: Mode = ""
    way: str = ""
    why: str = ""
    says: str = ""


CASES: dict[str, Case] = {
    "open": Case(way="directly, IPv4", says="no NAT, no server named"),
    "NAT": Case(nat="cone", stun=True, way="directly through NAT", says="both behind NAT that keeps ports; STUN"),
    "symmetric, STUN": Case(
        nat="symmetric", stun=True, why="symmetric", says="both behind NAT, a port for each address; STUN"
    ),
    "symmetric, UDP": Case(nat="symmetric", turn="udp", way="over UDP, IPv4", says="the same; TURN over UDP"),
    "symmetric, TCP": Case(nat="symmetric", turn="tcp", way="over TCP, IPv4", says="the same; TURN over TCP"),
    "symmetric, TLS": Case(nat="symmetric", turn="tls", way="over TLS, IPv4", says="the same; TURN over TLS"),
    "old login": Case(
        nat="symmetric", turn="udp", login="old", why="refuses the user or the password",
        says="the same; TURN's login was good until yesterday",
    ),
    "IPv6": Case(ipv6=True, way="directly, IPv6", says="no IPv4 anywhere"),
    "MTU 1280": Case(mtu=1280, silent=True, way="directly, IPv4", says="larger packets vanish"),
    "MTU 1280, UDP": Case(
        nat="symmetric", turn="udp", mtu=1280, silent=True, way="over UDP, IPv4", says="the same, through TURN"
    ),
    "MTU 1280, IPv6": Case(ipv6=True, mtu=1280, silent=True, way="directly, IPv6", says="the same over IPv6"),
    "MTU 1280, H.264": Case(mtu=1280, silent=True, mode="h264", way="directly, IPv4", says="the same, H.264 alone"),
    "MTU 576": Case(mtu=576, way="directly, IPv4", says="larger packets are cut, or who sent them is told"),
}  # fmt: skip
