"""Stage 6, transport, measured: two hosts as network namespaces, and between them a third that holds the link."""

from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.network.link import Link, compile_link
from benchmarks.network.namespaces import Namespaces

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
        self._hosts = Namespaces(("sender", "receiver", "link"))
        self.link: Link

    def __enter__(self) -> Self:
        program = compile_link(self._folder)
        try:
            self._hosts.make()
            self._connect("sender", "a", _SENDER)
            self._connect("receiver", "b", _RECEIVER)
            self.link = Link(program, ("a", "b"), prefix=self.prefix("link"), folder=self._folder)
        except BaseException:
            self._hosts.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.link.close()
        self._hosts.remove()

    def prefix(self, part: str) -> list[str]:
        """What has to stand before a command that is to run on this host."""
        return self._hosts.prefix(part)

    def address(self, part: str) -> str:
        """Of one end's host, as long as it has not moved."""
        return {"sender": _SENDER, "receiver": _RECEIVER}[part]

    def move_receiver(self) -> None:
        """The receiver's host has another address from now on, and not the old one any more."""
        self._hosts.on("receiver", "address", "add", f"{_MOVED}/{_BITS}", "dev", "eth0")
        self._hosts.on("receiver", "address", "del", f"{_RECEIVER}/{_BITS}", "dev", "eth0")

    def _connect(self, part: str, end: str, address: str) -> None:
        self._hosts.cable(("link", end), (part, "eth0"))
        # Or the address that goes would take those added after it along.
        self._hosts.set(part, **{"ipv4.conf.all.promote_secondaries": "1"})
        self._hosts.on(part, "address", "add", f"{address}/{_BITS}", "dev", "eth0")
