"""Stage 6, transport, measured: network namespaces as hosts, and cables between them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.network.link import LinkUnavailable

__all__ = ["Namespaces"]


class Namespaces:
    """Hosts by name. Raises LinkUnavailable where the machine cannot have them; `remove` takes all away."""

    def __init__(self, parts: Sequence[str]) -> None:
        self._names = {part: f"fw{os.getpid()}{part}" for part in parts}

    def make(self) -> None:
        """Makes them all."""
        if shutil.which("ip") is None:
            raise LinkUnavailable("no ip (iproute2): hosts cannot be made")
        if os.geteuid() != 0:
            raise LinkUnavailable("not root: hosts are network namespaces, which only root may make")
        for part, name in self._names.items():
            self._ip("netns", "add", name)
            self.on(part, "link", "set", "lo", "up")

    def remove(self) -> None:
        """Takes them away, with what is in them."""
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def prefix(self, part: str) -> list[str]:
        """What has to stand before a command that is to run on this host."""
        return ["ip", "netns", "exec", self._names[part]]

    def cable(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        """A cable between two hosts, each end as (host, what the card is called there); cards are plain ones."""
        (near, near_card), (far, far_card) = one, other
        ends = ("name", near_card, "netns", self._names[near]), ("name", far_card, "netns", self._names[far])
        self._ip("link", "add", *ends[0], "type", "veth", "peer", *ends[1])
        for part, card in (one, other):
            self.on(part, "link", "set", "dev", card, "up")
            self.run(part, sys.executable, "-m", "benchmarks.network.plain_card", card)

    def set(self, part: str, **values: str) -> None:
        """Settings of the kernel, by their place under /proc/sys/net with dots for slashes."""
        for place, value in values.items():
            self.run(part, "sh", "-c", f"echo {value} > /proc/sys/net/{place.replace('.', '/')}")

    def run(self, part: str, *command: str, told: str = "") -> None:
        """Runs a command there; `told` on its standard input."""
        done = subprocess.run([*self.prefix(part), *command], capture_output=True, text=True, input=told)
        if done.returncode:
            raise LinkUnavailable(f"{' '.join(command)}: {(done.stderr.splitlines() or ['?'])[-1]}")

    def on(self, part: str, *command: str) -> None:
        """ip ... on this host."""
        self._ip("-n", self._names[part], *command)

    def _ip(self, *command: str) -> None:
        done = subprocess.run(["ip", *command], capture_output=True, text=True)
        if done.returncode:
            raise LinkUnavailable(f"ip {' '.join(command)}: {done.stderr.strip()}")
