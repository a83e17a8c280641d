"""Stage 6, SFU trying: a program's work over Janus, begun again whenever it breaks, given up where that is no use."""

import asyncio
from collections.abc import Awaitable, Callable

from signaling.errors import PeerGone, Unreachable
from signaling.retries import LASTING_S, Retries, Sleep
from signaling.sfu.errors import NoSuchFeed, NoSuchRoom, RoomFull

__all__ = ["Trying"]

_FIRST_S = 5.0  # so long a Janus that has never answered is tried
_LONGEST_PAUSE_S = 10.0


class Trying:
    """Has something done again and again, with growing pauses after what did not last, and tells each reason once."""

    def __init__(
        self, *, say: Callable[[str], None], retries: Retries | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._say, self._sleep = say, sleep
        self._retries = retries or Retries(longest_s=_LONGEST_PAUSE_S)
        self._told = ""
        self._reached = False
        self._works_s: float | None = None

    def reached(self) -> None:
        """Janus has answered: from now on its silence is a broken line."""
        self._reached = True

    def works(self) -> None:
        """There is a connection: what is told of next is news again."""
        self._works_s, self._told = asyncio.get_running_loop().time(), ""

    async def run(self, serve: Callable[[], Awaitable[None]], *, until: Callable[[], bool] = lambda: False) -> None:
        """Calls `serve` until `until` says that it is enough. Raises TokenError, PluginMissing and other refusals,
        and Unreachable where no Janus has ever answered."""
        loop = asyncio.get_running_loop()
        first_s = loop.time()
        while not until():
            self._works_s = None
            try:
                await serve()
            except (NoSuchRoom, NoSuchFeed, RoomFull, PeerGone) as error:
                self._tell(f"{error}; trying again")
            except Unreachable as error:
                if not self._reached and loop.time() - first_s >= _FIRST_S:
                    raise
                self._tell(f"{error}; trying again")
            if self._works_s is not None and loop.time() - self._works_s >= LASTING_S:
                self._retries.succeeded()
            if not until():
                await self._sleep(self._retries.pause_s())

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            self._say(reason)
