"""Stage 6, transport, measured: the line of a long call, between two hosts where this machine can have them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.network.hosts import Hosts
from benchmarks.network.link import LinkUnavailable, Wire

__all__ = ["Line", "line_of"]

DELAY_MS = 20.0  # each way, as on the laboratory's other lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where the two ends run and what is between them."""

    server_ip: str
    says: str
    prefixes: dict[str, Sequence[str]] = field(default_factory=dict)  # what stands before a command, by end
    own_loss: float = 0.0  # the part of packets that one end has to lose itself, because nothing between does


@contextmanager
def line_of(ends: tuple[str, str], folder: Path, *, loss: float, kbps: float) -> Iterator[Line]:
    """A line that loses `loss` percent each way, and carries `kbps` (0: all), as long as the block lasts."""
    hosts = Hosts(folder)
    try:
        hosts.__enter__()
    except LinkUnavailable as reason:
        if kbps:
            raise
        says = f"over loopback, {loss:g} % lost each way within one end: {reason}"
        yield Line(server_ip="127.0.0.1", says=says, own_loss=loss / 100)
        return
    try:
        hosts.link.set(Wire(loss=loss, delay_ms=DELAY_MS, kbps=kbps, queue_ms=4000 if kbps else 1000))
        limit = f", {kbps:g} kbit/s" if kbps else ""
        yield Line(
            server_ip=hosts.sender_ip,
            says=f"two hosts, {loss:g} % lost and {DELAY_MS:g} ms each way{limit}",
            prefixes={ends[0]: hosts.prefix("sender"), ends[1]: hosts.prefix("receiver")},
        )
    finally:
        hosts.__exit__(None, None, None)
