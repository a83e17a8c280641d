"""Both ends, threads: how a thread speaks to an event loop that may be gone, and who learns when a thread dies."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from signaling.printable import reason_of

__all__ = ["Watch", "run_in_thread", "tell_loop"]


def tell_loop(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: Any) -> None:
    """Has `loop` call `callback` soon; nothing where it has closed, as it may at any moment before the process ends."""
    with contextlib.suppress(RuntimeError):  # its word for being closed; asking first would be too early
        loop.call_soon_threadsafe(callback, *arguments)


async def run_in_thread(work: Callable[[threading.Event], None], *, name: str) -> None:
    """Runs `work` in a daemon thread of that name to its end; raises what it raises.

    `work` is given an event that is set when the caller no longer waits. A cancelled caller does not wait for its end:
    it may be stuck in a device.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Exception | None] = loop.create_future()
    stop = threading.Event()

    def finish(error: Exception | None) -> None:
        if not done.done():
            done.set_result(error)

    def run() -> None:
        error: Exception | None = None
        try:
            work(stop)
        except Exception as caught:  # whatever it is: the thread must not vanish with it
            error = caught
        tell_loop(loop, finish, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        error = await done
    finally:
        stop.set()
    if error is not None:
        raise error


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
