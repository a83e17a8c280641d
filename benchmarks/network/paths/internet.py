"""Stage 6, transport, measured: two homes behind routers with NAT or without, and a network between with its servers.

    sender -- router -- [link] -- internet -- [link] -- router -- receiver

Seven namespaces. The links are those of `benchmarks.network.link`, so what each home's line carries is counted there.
"""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.network.link import Link, LinkUnavailable, Wire, compile_link
from benchmarks.network.namespaces import Namespaces
from benchmarks.network.paths.cases import Case, Nat

__all__ = ["Internet"]

_HOMES = {"sender": 1, "receiver": 2}
_DELAY_MS = 20.0
# Linux keeps a port where it can, and asks for another for each pair of addresses with fully-random: RFC 4787, 4.1's
# address and port dependent mapping, both with address and port dependent filtering.
_MASQUERADE = {"cone": "masquerade", "symmetric": "masquerade fully-random"}


class Internet:
    """The network of one case. Leaving the block removes all. Raises LinkUnavailable where it cannot be."""

    def __init__(self, folder: Path, case: Case) -> None:
        self._folder, self._case = folder, case
        routers, links = [f"router{home}" for home in _HOMES.values()], [f"link{home}" for home in _HOMES.values()]
        self._hosts = Namespaces(("internet", *_HOMES, *routers, *links))
        self.links: dict[str, Link] = {}

    def __enter__(self) -> Self:
        if (self._case.nat or self._case.silent) and shutil.which("nft") is None:
            raise LinkUnavailable("no nft (nftables): routers cannot be made")
        program = compile_link(self._folder)
        try:
            self._hosts.make()
            self._forward("internet")
            self._address("internet", "lo", self.server, bits=128 if self._case.ipv6 else 32)
            self._lead_away()
            for home, number in _HOMES.items():
                self._connect(home, number)
                place = self._folder / f"link{number}"
                place.mkdir()
                link = Link(program, ("a", "b"), prefix=self.prefix(f"link{number}"), folder=place)
                self.links[home] = link
                link.set(Wire(delay_ms=_DELAY_MS / 2, mtu=self._case.mtu if self._case.silent else 0))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    @property
    def server(self) -> str:
        """The address of the servers."""
        return "fd78::1" if self._case.ipv6 else "10.78.0.1"

    @property
    def url_host(self) -> str:
        """The same as it stands in addresses."""
        return f"[{self.server}]" if self._case.ipv6 else self.server

    def prefix(self, part: str) -> list[str]:
        """What has to stand before a command that is to run on this host: sender, receiver or internet."""
        return self._hosts.prefix(part)

    def _connect(self, home: str, number: int) -> None:
        """A home, its router, and the line to the network."""
        hosts, router, link = self._hosts, f"router{number}", f"link{number}"
        hosts.cable((home, "eth0"), (router, "lan"))
        hosts.cable((router, "wan"), (link, "a"))
        hosts.cable((link, "b"), ("internet", f"home{number}"))
        self._forward(router)
        lan, wan, bits = f"192.168.{number}.", f"10.78.{number}.", 24
        if self._case.ipv6:
            lan, wan, bits = f"fd00:{number}::", f"fd78:{number}::", 64
        for part, card, address in (
            (home, "eth0", f"{lan}2"), (router, "lan", f"{lan}1"),
            (router, "wan", f"{wan}2"), ("internet", f"home{number}", f"{wan}1"),
        ):  # fmt: skip
            self._address(part, card, address, bits=bits)
        self._route(home, "default", f"{lan}1")
        self._route(router, "default", f"{wan}1")
        if not self._case.silent and self._case.mtu < 1500:
            for part, card in ((router, "wan"), ("internet", f"home{number}")):
                hosts.on(part, "link", "set", "dev", card, "mtu", str(self._case.mtu))
        if self._case.silent:
            self._clamp(router)
        if self._case.nat:
            self._hide(router, self._case.nat)
        else:
            self._route("internet", f"{lan}/{bits}" if self._case.ipv6 else f"{lan}0/{bits}", f"{wan}2")

    def _lead_away(self) -> None:
        """What is for nobody here vanishes, as it would on its way through the world: coturn 4.6.1 ends a session for
        which the kernel says that there is no route."""
        gateway, own, bits = ("fd78:9::2", "fd78:9::1", 64) if self._case.ipv6 else ("10.78.9.2", "10.78.9.1", 24)
        self._hosts.cable(("internet", "away"), ("internet", "nobody"))
        self._address("internet", "away", own, bits=bits)
        self._hosts.on("internet", "neighbor", "add", gateway, "lladdr", "02:00:00:00:00:99", "dev", "away")
        self._route("internet", "default", gateway)

    def _hide(self, router: str, nat: Nat) -> None:
        rules = (
            "table ip nat { chain leaving { type nat hook postrouting priority 100; "
            f'oifname "wan" {_MASQUERADE[nat]}; }}\n}}\n'
            "table ip door { chain entering { type filter hook forward priority 0; policy accept; "
            'iifname "wan" ct state new drop; }\n}\n'
        )
        self._rule(router, rules)

    def _clamp(self, router: str) -> None:
        """As home routers do for a line that takes less: TCP on both sides of it learns that."""
        largest = self._case.mtu - (60 if self._case.ipv6 else 40)
        self._rule(
            router,
            "table inet clamp { chain passing { type filter hook forward priority -150; policy accept; "
            f"tcp flags syn tcp option maxseg size set {largest}; }}\n}}\n",
        )

    def _rule(self, router: str, rules: str) -> None:
        try:
            self._hosts.run(router, "nft", "-f", "-", told=rules)
        except LinkUnavailable as reason:
            raise LinkUnavailable(f"this kernel lacks something of nftables that a router needs: {reason}") from None

    def _forward(self, part: str) -> None:
        self._hosts.set(part, **{"ipv4.ip_forward": "1", "ipv6.conf.all.forwarding": "1"})

    def _address(self, part: str, card: str, address: str, *, bits: int) -> None:
        once = ("nodad",) if self._case.ipv6 else ()
        self._hosts.on(part, "address", "add", f"{address}/{bits}", "dev", card, *once)

    def _route(self, part: str, to: str, by: str) -> None:
        self._hosts.on(part, *(("-6",) if self._case.ipv6 else ()), "route", "add", to, "via", by)

    def _remove(self) -> None:
        for link in self.links.values():
            link.close()
        self._hosts.remove()
