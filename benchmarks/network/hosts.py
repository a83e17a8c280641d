"""Stage 6, transport, measured: two hosts as network namespaces, and between them a third that holds the link."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.network.link import Link, LinkUnavailable, compile_link

__all__ = ["Hosts"]

_BITS = 24
_SENDER, _RECEIVER, _MOVED = "10.78.0.1", "10.78.0.2", "10.78.0.3"


class Hosts:
    """The sender's host, which the signaling server runs on too, and the receiver's. Leaving the block removes all.

    Raises LinkUnavailable where the machine cannot have them.
    """

    sender_ip = _SENDER

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {part: f"fw{os.getpid()}{part}" for part in ("sender", "receiver", "link")}
        self.link: Link

    def __enter__(self) -> Self:
        if shutil.which("ip") is None:
            raise LinkUnavailable("no ip (iproute2): hosts cannot be made")
        if os.geteuid() != 0:
            raise LinkUnavailable("not root: hosts are network namespaces, which only root may make")
        program = compile_link(self._folder)
        try:
            for name in self._names.values():
                self._ip("netns", "add", name)
            self._cable("sender", "a", _SENDER)
            self._cable("receiver", "b", _RECEIVER)
            self.link = Link(program, ("a", "b"), prefix=self.prefix("link"), folder=self._folder)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.link.close()
        self._remove()

    def prefix(self, part: str) -> list[str]:
        """What has to stand before a command that is to run on this host."""
        return ["ip", "netns", "exec", self._names[part]]

    def move_receiver(self) -> None:
        """The receiver's host has another address from now on, and not the old one any more."""
        self._on("receiver", "address", "add", f"{_MOVED}/{_BITS}", "dev", "eth0")
        self._on("receiver", "address", "del", f"{_RECEIVER}/{_BITS}", "dev", "eth0")

    def _cable(self, part: str, end: str, address: str) -> None:
        near, far = ("name", end, "netns", self._names["link"]), ("name", "eth0", "netns", self._names[part])
        self._ip("link", "add", *near, "type", "veth", "peer", *far)
        self._on("link", "link", "set", "dev", end, "up")
        for command in (("link", "set", "lo", "up"), ("link", "set", "eth0", "up")):
            self._on(part, *command)
        # Or the address that goes would take those added after it along.
        self._run(part, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/promote_secondaries")
        self._run(part, sys.executable, "-m", "benchmarks.network.plain_card", "eth0")
        self._on(part, "address", "add", f"{address}/{_BITS}", "dev", "eth0")

    def _run(self, part: str, *command: str) -> None:
        done = subprocess.run([*self.prefix(part), *command], capture_output=True, text=True)
        if done.returncode:
            raise LinkUnavailable(f"{' '.join(command)}: {(done.stderr.splitlines() or ['?'])[-1]}")

    def _on(self, part: str, *command: str) -> None:
        self._ip("-n", self._names[part], *command)

    def _ip(self, *command: str) -> None:
        done = subprocess.run(["ip", *command], capture_output=True, text=True)
        if done.returncode:
            raise LinkUnavailable(f"ip {' '.join(command)}: {done.stderr.strip()}")

    def _remove(self) -> None:
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
