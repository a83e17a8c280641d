"""Signaling, retries: how long to wait before what failed is tried again, and the line that is kept up meanwhile."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

from signaling.client import SignalingClient
from signaling.messages import Message, PeerJoined
from signaling.reading import Reading

__all__ = ["NEWCOMER_S", "Retries", "Sleep", "pause"]

NEWCOMER_S = 1.0  # an end that comes into the room waits no longer for what others did
_KEPT_MESSAGES = 64

Sleep = Callable[[float], Awaitable[None]]


class Retries:
    """Pauses that double from `first_s` to `longest_s` until something succeeds.

    Each is drawn from its upper half: ends that failed together do not come back together. Between two tries lies
    half of `longest_s` at least, however often they fail.
    """

    def __init__(
        self, *, first_s: float = 0.5, longest_s: float = 30.0, draw: Callable[[], float] = random.random
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._draw = draw
        self._next_s = first_s

    def pause_s(self) -> float:
        """How long to wait now, after one more failure."""
        upper_s, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return upper_s * (1 + self._draw()) / 2

    def succeeded(self) -> None:
        """It worked: the next failure is the first again."""
        self._next_s = self._first_s


async def pause(client: SignalingClient, seconds: float, *, sleep: Sleep = asyncio.sleep) -> None:
    """Waits, and reads the line to the server meanwhile: it breaks where nobody answers its pings.

    What was read is given out again afterwards, the newest 64 messages of it. Another end in the room ends a long wait
    after a second. Raises what the line raises.
    """
    heard: deque[Message] = deque(maxlen=_KEPT_MESSAGES)
    reading = Reading(client)
    try:
        await _listen(reading, heard, min(seconds, NEWCOMER_S), sleep=sleep, until_newcomer=False)
        if seconds > NEWCOMER_S and not any(isinstance(message, PeerJoined) for message in heard):
            await _listen(reading, heard, seconds - NEWCOMER_S, sleep=sleep, until_newcomer=True)
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
