"""Stage 1 to 3, hand-over: one place for the newest item, from any thread to the event loop."""

import asyncio
import threading
from typing import Generic, TypeVar

from signaling.threads import tell_loop

__all__ = ["Slot", "SlotClosed"]

T = TypeVar("T")


class SlotClosed(Exception):
    """Nothing more will come."""


class Slot(Generic[T]):
    """Holds the newest item alone; what was not fetched in time is dropped and counted.

    Made on the event loop that will `get`; `put` and `close` may be called from any thread.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._filled = asyncio.Event()
        self._item: T | None = None
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Leaves `item`, in place of an older one; ignored after `close`."""
        with self._lock:
            if self._closed:
                return
            wake = self._item is None
            self.dropped += not wake
            self._item = item
        if wake:
            self._wake()

    def close(self) -> None:
        """Ends the hand-over; an item still inside can be fetched."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wake()

    async def get(self) -> T:
        """The newest item, once there is one. Raises SlotClosed when nothing is left and nothing more comes."""
        while True:
            with self._lock:
                item, self._item = self._item, None
                if item is not None:
                    return item
                if self._closed:
                    raise SlotClosed
                self._filled.clear()
            await self._filled.wait()

    def _wake(self) -> None:
        tell_loop(self._loop, self._filled.set)
