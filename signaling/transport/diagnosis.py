"""Stage 6, transport: why two ends found no way to each other, in words: ICE itself only says that there was none.

Asked after the fact: the servers that were named are tried once more, one by one, and what each says is told.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence

from aioice import stun
from aioice.turn import create_turn_endpoint
from aiortc import RTCIceServer

from signaling.printable import reason_of

__all__ = ["trouble_of", "why_no_way"]

_PATIENCE_S = 3.0  # of each server
_DEFAULT_PORT, _DEFAULT_TLS_PORT = 3478, 5349
_REFUSED = {401: "refuses the user or the password", 486: "gives this user no more addresses"}


async def why_no_way(servers: Sequence[RTCIceServer]) -> str:
    """What may be the matter, with the servers that the connection was made with."""
    turn = [server for server in servers if _urls(server)[0].startswith("turn")]
    troubles = [trouble for server in turn if (trouble := await trouble_of(server))]
    if troubles:
        return "; ".join(troubles)
    if turn:
        return "the TURN server answers; perhaps none was named at the other end"
    behind = "both may be behind NAT that gives each connection another port (symmetric), or UDP is blocked"
    return f"there is no direct way between the two networks: {behind}; name a TURN server (--turn)"


async def trouble_of(server: RTCIceServer) -> str:
    """What is wrong with a TURN server, in a line; "" where it gives an address."""
    scheme, host, port, transport = _address(_urls(server)[0])
    name = f"the TURN server at {host}:{port}"
    try:
        async with asyncio.timeout(_PATIENCE_S):
            endpoint, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                server_addr=(host, port),
                username=server.username,
                password=server.credential,
                ssl=True if scheme == "turns" else None,
                transport=transport,
            )
    except stun.TransactionFailed as failed:
        code = failed.response.attributes.get("ERROR-CODE", (0, ""))[0]
        return f"{name} {_REFUSED.get(code, f'refuses: {reason_of(failed)}')}"
    except ssl.SSLCertVerificationError as error:
        return f"{name} shows a certificate that is not trusted: {error.verify_message}"
    except (ssl.SSLError, OSError, TimeoutError, stun.TransactionTimeout) as error:
        return f"{name} does not answer over {transport.upper()}: {reason_of(error)}"
    with contextlib.suppress(Exception):  # it has said what was asked
        endpoint.close()
    return ""


def _urls(server: RTCIceServer) -> list[str]:
    return [server.urls] if isinstance(server.urls, str) else list(server.urls)


def _address(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and transport of turn:HOST[:PORT][?transport=...] (RFC 7065), as aiortc takes them."""
    scheme, _, rest = url.partition(":")
    address, _, query = rest.partition("?")
    host, colon, port = address.rpartition(":")
    if not colon or (host.startswith("[") and not host.endswith("]")):
        host, port = address, ""
    transport = query.removeprefix("transport=") or ("tcp" if scheme == "turns" else "udp")
    fallback = _DEFAULT_TLS_PORT if scheme == "turns" else _DEFAULT_PORT
    return scheme, host.strip("[]"), int(port) if port else fallback, transport
