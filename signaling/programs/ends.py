"""Signaling, ends: how an end of a call is run, the same for those that send and those that receive."""

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

__all__ = ["End", "first_error", "interrupts", "time_is_over", "unless"]


class End(ABC):
    """One end of a stream. Either `run` it in a task of your own, or in a block, which runs it until the block is left:

        async with end:
            ...

    When `run` fails the block is cancelled where it waits, and what went wrong is raised where the block ends. When it
    ends by itself (the source is over, the other end gone) the block goes on: `wait` tells it.
    """

    _running: asyncio.Task[None] | None = None
    _block: asyncio.Task[object] | None = None
    _cancelled_block = False

    @abstractmethod
    async def run(self) -> None:
        """Works until there is nothing more to do, or until `close`."""

    @abstractmethod
    async def close(self) -> None:
        """Ends `run`; closing twice does nothing. The connection stays the application's."""

    @abstractmethod
    def figures(self) -> dict[str, Any]:
        """The meter's figures, ready for a line of JSON; valid from the start."""

    async def __aenter__(self) -> Self:
        self._block = asyncio.current_task()
        self._running = asyncio.create_task(self.run())
        self._running.add_done_callback(self._on_done)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running, block, self._block = self._running, self._block, None
        assert running is not None
        assert block is not None
        if self._cancelled_block:
            block.uncancel()
        await self.close()
        await running

    async def wait(self) -> None:
        """Inside the block: until `run` has ended."""
        assert self._running is not None, "wait is for the block"
        await asyncio.wait([self._running])

    def _on_done(self, running: asyncio.Task[None]) -> None:
        if self._block is not None and not running.cancelled() and running.exception() is not None:
            self._cancelled_block = True
            self._block.cancel()


@contextmanager
def interrupts(stop: Callable[[], object]) -> Iterator[None]:
    """For a program: while the block lasts, SIGINT and SIGTERM call `stop` on the running loop, then what they did."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def unless(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Waits for `work`, and no longer once `stopped` is set: then it is cancelled. Raises what it raises."""
    async with asyncio.TaskGroup() as group:
        working, stopping = group.create_task(work), group.create_task(stopped.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        stopping.cancel()


async def time_is_over(begun: asyncio.Event, seconds: float) -> None:
    """Waits for so long from when `begun` is set."""
    await begun.wait()
    await asyncio.sleep(seconds)


def first_error(failed: BaseException) -> BaseException:
    """An error itself, or the first of a group that may hold groups."""
    error = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
