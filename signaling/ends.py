"""Signaling, ends: how an end of a call is run, the same for those that send and those that receive."""

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

__all__ = ["End", "first_error"]


class End(ABC):
    """One end of a stream. Either `run` it in a task of your own, or in a block, which runs it until the block is left:

        async with end:
            ...

    What goes wrong in `run` is raised where the block ends, in place of what the block raised because of it.
    """

    _running: asyncio.Task[None] | None = None

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
        self._running = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running is not None
        await self.close()
        await self._running


def first_error(failed: BaseException) -> BaseException:
    """An error itself, or the first of a group that may hold groups."""
    error = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
