"""Both ends, threads: how a thread speaks to an event loop that may be gone, and who learns when a thread dies."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from signaling.printable import reason_of

__all__ = ["Watch", "tell_loop"]


def tell_loop(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: Any) -> None:
    """Has `loop` call `callback` soon; nothing where it has closed, as it may at any moment before the process ends."""
    with contextlib.suppress(RuntimeError):  # its word for being closed; asking first would be too early
        loop.call_soon_threadsafe(callback, *arguments)


class Watch:
    """For a program: while the block lasts, each thread that dies is told in a line, and `died` says that one has.

    Tasks that fail with nobody waiting for them are told too, once the loop is given to `tasks`. They are those of the
    libraries below a connection, mostly at the hands of the peer, so they are no reason for an exit code.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._before = threading.excepthook
        self.died = False

    def __enter__(self) -> Self:
        self._before = threading.excepthook
        threading.excepthook = self._on_thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        threading.excepthook = self._before

    def tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watches the tasks of `loop` too."""
        loop.set_exception_handler(self._on_task)

    def _on_thread(self, failed: threading.ExceptHookArgs) -> None:
        self.died = True
        name = failed.thread.name if failed.thread is not None else "of unknown name"
        self._say(f"the thread {name} died: {_named(failed.exc_value or failed.exc_type())}")

    def _on_task(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        what = _named(error) if error is not None else context["message"]
        self._say(f"below the connection something failed: {what}")


def _named(error: BaseException) -> str:
    kind, reason = type(error).__name__, reason_of(error)
    return kind if reason == kind else f"{kind}: {reason}"
