"""Signaling, retries: calls that are tried again and again, the waits between, and the line kept up meanwhile."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable

from signaling.backoff import Retries
from signaling.errors import PeerGone, Unreachable
from signaling.line import SignalingLine
from signaling.protocol.messages import Message, PeerJoined
from signaling.reading import Reading

__all__ = ["LASTING_S", "NEWCOMER_S", "Attempts", "Retries", "Sleep", "pause"]

LASTING_S = 1.0  # a call that is over sooner counts as one that never was, and is waited after
NEWCOMER_S = 1.0  # an end that comes into the room waits no longer for what others did
_KEPT_MESSAGES = 64

Sleep = Callable[[float], Awaitable[None]]


class Attempts:
    """One call after another over one line to the server.

    After a call that did not come about, or was over at once, there is a pause, and a longer one after the next. Why it
    did not is said once, however often it is tried: `waiting` is what is said to be done then. `made` is told when a
    call stands. Where nobody answers at the server's address any more that is tried again too, unless the line is
    `shared`: then it is somebody else's, and nothing is waited for once the other end has left.
    """

    def __init__(
        self,
        line: SignalingLine,
        *,
        say: Callable[[str], None],
        waiting: str,
        shared: bool = False,
        retries: Retries | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._line, self._shared = line, shared
        self._say, self._waiting = say, waiting
        self._retries, self._sleep = retries or Retries(), sleep
        self._made_s = math.inf
        self._said = ""  # last, of what failed

    def made(self) -> None:
        """The call of this attempt stands."""
        self._made_s, self._said = asyncio.get_running_loop().time(), ""

    async def make(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """One attempt, from waiting for the other end to the end of the call, and the pause after it if it needs one.

        What it raises is its end: PeerGone, Unreachable. All else is raised here.
        """
        self._made_s = math.inf
        try:
            try:
                await attempt()
            except PeerGone as gone:
                self._fail(f"{gone}; {self._waiting}" if self._goes_on else str(gone))
            if asyncio.get_running_loop().time() - self._made_s >= LASTING_S:
                self._retries.succeeded()
            elif self._goes_on:
                await pause(self._line, self._retries.pause_s(), sleep=self._sleep)
        except Unreachable as unreachable:
            if self._shared:
                raise
            self._fail(f"{unreachable}; trying again until it does")
            await self._sleep(self._retries.pause_s())

    @property
    def _goes_on(self) -> bool:
        """Whether there is anybody to try it with, or to wait for."""
        return not self._shared or self._line.peer != ""

    def _fail(self, reason: str) -> None:
        if reason != self._said:
            self._said = reason
            self._say(reason)


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
