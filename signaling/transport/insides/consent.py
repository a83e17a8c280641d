"""Stage 6, transport: how long a check of consent (RFC 7675) waits for its answer: 3.5 s, not 0.5 s.

aioice asks each five seconds whether the other end still listens, once, and gives up the call when six answers in a row
have not come within half a second: none ever does where there and back takes longer, over a satellite or through a
thin line's queue, and at 30 % loss either way it happens by chance within half an hour. Here what is not answered is
asked again, up to twice, and the call ends 30 s after the last answer, as the RFC has it.

Touches what aioice keeps to itself (tests/signaling/transport/test_consent.py); without it, consent is as it was.
"""

import asyncio
import random
from functools import partial
from typing import Any
from weakref import WeakSet

from aioice.stun import TransactionError
from aiortc import RTCPeerConnection

from signaling.transport.insides.sockets import carriers

__all__ = ["wait_for_consent"]

_INTERVAL_S = 5.0
_EXPIRES_S = 30.0
_AGAIN = 2  # after .5 s and 1 s more; 2 s later the answer is given up
_PLACES = ("_nominated", "_query_consent_task", "query_consent", "build_request", "remote_password")

_patient: "WeakSet[Any]" = WeakSet()


def wait_for_consent(pc: RTCPeerConnection) -> bool:
    """From now on, once there is anything to carry; False where aioice has no such places any more."""
    found = _connections(pc)
    for connection in found:
        if connection in _patient:
            continue
        _patient.add(connection)
        connection.query_consent = partial(_ask, connection)
        running = connection._query_consent_task
        if running is not None and not running.done():
            running.cancel()
            connection._query_consent_task = asyncio.create_task(_ask(connection))
    return bool(found)


def _connections(pc: RTCPeerConnection) -> list[Any]:
    found = [getattr(dtls.transport, "_connection", None) for dtls in carriers(pc)]
    return [connection for connection in found if all(hasattr(connection, place) for place in _PLACES)]


async def _ask(connection: Any) -> None:
    loop = asyncio.get_running_loop()
    answered_s = loop.time()
    while loop.time() - answered_s < _EXPIRES_S:
        await asyncio.sleep(_INTERVAL_S * random.uniform(0.8, 1.2))
        for pair in list(connection._nominated.values()):
            request = connection.build_request(pair, nominate=False)
            key = connection.remote_password.encode()
            try:
                await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=_AGAIN)
                answered_s = loop.time()
            except TransactionError:
                continue
    connection._query_consent_task = None  # which closing would wait for
    await connection.close()
