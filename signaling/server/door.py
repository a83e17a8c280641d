"""Signaling, door: takes connections in, and shows out those that do not become an end in a room soon.

The event loop's own way to accept has no bounds: a process out of descriptors logs and tries again, twice as often each
time. Here connections are counted, in total and by address. Where there are too many, the one that has been quiet the
longest goes; who is in a room stays.
"""

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from signaling.errors import BindError
from signaling.server.quotas import network_of
from signaling.server.settings import ServerSettings

__all__ = ["Connection", "Door", "listeners"]

_log = logging.getLogger(__name__)

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_S = 0.2  # without accepting, when the system has nothing left
_OTHER_DESCRIPTORS = 64  # that the process itself needs
_BACKLOG = 128


@dataclass(slots=True, eq=False)
class Connection:
    """One TCP connection, from accept to close."""

    address: str  # who it counts for
    since_s: float
    socket: socket.socket
    is_settled: bool = False  # it is an end in a room
    is_proxied: bool = False  # from a proxy, whose own address has no limit
    opening: asyncio.Task[None] | None = None  # while TLS is agreed on
    transport: asyncio.Transport | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is closed, or only lingers with bytes that nobody takes."""
        return self.transport.is_closing() if self.transport is not None else self.opening is None

    def cut(self) -> None:
        """Ends it at once."""
        if self.transport is not None:
            self.transport.abort()
        elif self.opening is not None:
            self.opening.cancel()


class Door:
    """All connections of one server. `protocol` makes what serves one; aiohttp's here."""

    def __init__(
        self,
        protocol: Callable[[], asyncio.Protocol],
        *,
        settings: ServerSettings,
        tls: ssl.SSLContext | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_protocol = protocol
        self._settings = settings
        self._tls = tls
        self._now_s = now_s
        self._proxies = frozenset(map(network_of, settings.proxies))
        self._most = min(settings.connections, _descriptors() - _OTHER_DESCRIPTORS)
        self._connections: dict[asyncio.BaseProtocol, Connection] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._connections)

    async def accept_forever(self, listener: socket.socket) -> None:
        """Takes in whoever comes to `listener`, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                taken, address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    _log.warning("a connection cannot be accepted: %s", error.strerror)
                    # Who is shown out leaves a descriptor behind in the next turn of the loop.
                    await asyncio.sleep(0 if self._show_out(None) else _PAUSE_S)
                continue
            self._take(taken, network_of(address[0]))
            await asyncio.sleep(0)  # those that are in come first

    def find(self, protocol: asyncio.BaseProtocol) -> Connection | None:
        """The connection that `protocol` serves; None when it was shown out."""
        return self._connections.get(protocol)

    def forwarded(self, connection: Connection, address: str) -> bool:
        """The connection, which is from a proxy, counts for `address` from now on. False when that has too many."""
        connection.address = network_of(address)
        connection.is_proxied = False
        return self._has_place_for(connection.address, beside=connection)

    def sweep(self) -> None:
        """Shows out who has not become an end in time, and forgets who is gone."""
        late_s = self._now_s() - self._settings.hello_s
        for protocol, connection in tuple(self._connections.items()):
            if connection.is_over:
                connection.cut()
                del self._connections[protocol]
            elif not connection.is_settled and connection.since_s <= late_s:
                connection.cut()

    async def close(self) -> None:
        """Ends all connections."""
        opening = [connection.opening for connection in self._connections.values() if connection.opening is not None]
        for connection in self._connections.values():
            connection.cut()
        self._connections.clear()
        if opening:
            await asyncio.wait(opening)

    def _take(self, taken: socket.socket, address: str) -> None:
        """Serves an accepted socket, or closes it where there is no place."""
        is_proxied = address in self._proxies
        if not self._has_place() or not (is_proxied or self._has_place_for(address)):
            _log.info("no place for a connection from %s", address)
            taken.close()
            return
        taken.setblocking(False)
        protocol = self._make_protocol()
        connection = Connection(address, self._now_s(), taken, is_proxied=is_proxied)
        self._connections[protocol] = connection
        connection.opening = asyncio.create_task(self._open(connection, protocol))
        connection.opening.add_done_callback(lambda _: self._opened(connection, protocol))

    async def _open(self, connection: Connection, protocol: asyncio.Protocol) -> None:
        loop = asyncio.get_running_loop()
        patience: dict[str, float] = {} if self._tls is None else {"ssl_handshake_timeout": self._settings.hello_s}
        try:
            connection.transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection.socket, ssl=self._tls, **patience
            )
        except OSError as error:  # of TLS too
            _log.debug("a connection from %s did not open: %s", connection.address, error)

    def _opened(self, connection: Connection, protocol: asyncio.Protocol) -> None:
        """The way in is over, also for a task that was cancelled before its first step."""
        connection.opening = None
        if connection.transport is None:
            connection.socket.close()
            self._connections.pop(protocol, None)

    def _has_place(self) -> bool:
        return len(self._connections) < self._most or self._show_out(None)

    def _has_place_for(self, address: str, *, beside: Connection | None = None) -> bool:
        """Whether `address` may have one more than those `beside` the one that asks; makes place if it can."""
        own = [one for one in self._connections.values() if one.address == address and one is not beside]
        return len(own) < self._settings.connections_per_address or self._show_out(address, beside=beside)

    def _show_out(self, address: str | None, *, beside: Connection | None = None) -> bool:
        """Cuts the connection, of `address` or of all, that has not been an end the longest. False if there is none."""
        for protocol, connection in self._connections.items():
            if connection is beside or (address is not None and connection.address != address):
                continue
            if connection.is_over or not connection.is_settled:
                connection.cut()
                del self._connections[protocol]
                return True
        return False


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft


async def listeners(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at all addresses of `host`, on one port; port 0 chooses a free one. Raises BindError.

    `::` is served on IPv4 as well.
    """
    loop = asyncio.get_running_loop()
    bound: list[socket.socket] = []
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            dual = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
            at = (address[0], bound[0].getsockname()[1] if bound else port, *address[2:])
            bound.append(socket.create_server(at, family=family, backlog=_BACKLOG, dualstack_ipv6=dual))
            bound[-1].setblocking(False)
    except (OSError, UnicodeError) as error:
        for one in bound:
            with contextlib.suppress(OSError):
                one.close()
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise BindError(f"cannot listen on {shown}: {_reason(error)}") from None
    return bound


def _reason(error: Exception) -> str:
    """The system's word alone: `socket.create_server` adds the address to it."""
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)
