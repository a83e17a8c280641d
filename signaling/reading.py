"""Signaling, reading: waits for the next message of the line to the server or for something else, and loses neither."""

import asyncio
from typing import Any

from signaling.line import SignalingLine
from signaling.protocol.messages import Message

__all__ = ["Reading"]


class Reading:
    """One reader of a client's messages. A message that was read when nobody wanted it any more is put back."""

    def __init__(self, client: SignalingLine) -> None:
        self._client = client
        self._task: asyncio.Task[Message] | None = None

    async def next(self, other: "asyncio.Future[Any]") -> Message | None:
        """The next message, or None once `other` is done. Raises what the line to the server raises."""
        if self._task is None:
            self._task = asyncio.create_task(self._client.__anext__())
        reading = self._task
        await asyncio.wait((reading, other), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            return None
        self._task = None
        return reading.result()

    async def within(self, seconds: float) -> Message | None:
        """The next message, or None when that takes longer. Raises what the line to the server raises."""
        sleeping = asyncio.ensure_future(asyncio.sleep(seconds))
        try:
            return await self.next(sleeping)
        finally:
            sleeping.cancel()

    async def stop(self) -> None:
        """Stops reading, whoever cancels whom."""
        if self._task is not None:
            reading, self._task = self._task, None
            reading.add_done_callback(self._put_back)
            reading.cancel()
            await asyncio.wait((reading,))

    def _put_back(self, reading: "asyncio.Task[Message]") -> None:
        if not reading.cancelled() and reading.exception() is None:
            self._client.put_back(reading.result())
