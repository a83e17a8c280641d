"""Signaling, retries: the wait before what failed is tried again, and the line that is kept up meanwhile."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from signaling.backoff import Retries
from signaling.errors import PeerGone
from signaling.line import SignalingLine
from signaling.protocol.messages import Message, PeerJoined
from signaling.reading import Reading

__all__ = ["LASTING_S", "NEWCOMER_S", "Retries", "Sleep", "pause"]

LASTING_S = 1.0  # a call that is over sooner counts as one that never was, and is waited after
NEWCOMER_S = 1.0  # an end that comes into the room waits no longer for what others did
_KEPT_MESSAGES = 64

Sleep = Callable[[float], Awaitable[None]]


async def pause(client: SignalingLine, seconds: float, *, sleep: Sleep = asyncio.sleep) -> None:
    """Waits, and reads the line to the server meanwhile: it breaks where nobody answers its pings.

    What was read is given out again afterwards, the newest 64 messages of it. Another end in the room ends a long wait
    after a second, and the other end's leaving that of a guest. Raises what the line raises.
    """
    heard: deque[Message] = deque(maxlen=_KEPT_MESSAGES)
    reading = Reading(client)
    try:
        await _listen(reading, heard, min(seconds, NEWCOMER_S), sleep=sleep, until_newcomer=False)
        if seconds > NEWCOMER_S and not any(isinstance(message, PeerJoined) for message in heard):
            await _listen(reading, heard, seconds - NEWCOMER_S, sleep=sleep, until_newcomer=True)
    except PeerGone:
        pass
    finally:
        await reading.stop()
        for message in reversed(heard):
            client.put_back(message)


async def _listen(
    reading: Reading, heard: deque[Message], seconds: float, *, sleep: Sleep, until_newcomer: bool
) -> None:
    """Reads for so long, or until somebody comes."""
    sleeping = asyncio.ensure_future(sleep(seconds))
    try:
        while (message := await reading.next(sleeping)) is not None:
            heard.append(message)
            if until_newcomer and isinstance(message, PeerJoined):
                return
    finally:
        sleeping.cancel()
