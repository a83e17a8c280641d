"""Stages 1 to 10, interrupts of a program: it ends at once while nothing is begun, in order once something is written.

An exception out of a signal handler would come between any two instructions, in the middle of closing a file too, or in
a call back from FFmpeg, which swallows it. So nothing here raises but `Interrupts.check`, where it is called.
"""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self

__all__ = ["Interrupted", "Interrupts", "end_at_once", "interrupt_again", "leave"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
PATIENCE_S = 0.7  # of whoever waits for the end of a program whose input says nothing


class Interrupted(Exception):
    """The program was told to end."""


def end_at_once() -> None:
    """From here on SIGINT ends the process as SIGTERM does, with nothing printed: for programs, before they load.

    Once something is worth an orderly end, the program listens itself. A shell makes what it starts in the background
    deaf to SIGINT; that stays.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt_again() -> None:
    """Takes `end_at_once` back: SIGINT raises KeyboardInterrupt, as in any Python."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def leave(status: int) -> NoReturn:
    """Ends the process now: all is written, and threads that load networks or wait in a device are not waited for."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):  # nobody reads it any more, or its disk is full
                status = status or 1
    os._exit(status)


class Interrupts:
    """While the block lasts, SIGINT and SIGTERM are remembered, and `check` raises Interrupted.

    With `last_words` the process ends with them, and exit code 130, where the block goes on for longer than
    `PATIENCE_S` all the same: it waits for a pipe that says nothing. Only for what loses nothing by it. For the main
    thread.
    """

    def __init__(self, *, last_words: str | None = None) -> None:
        self._last_words = last_words
        self._told = threading.Event()
        self._left = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def check(self) -> None:
        """Raises Interrupted if the program was told to end."""
        if self._told.is_set():
            raise Interrupted

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        # Written to by the C part of a handler: the thread hears it while the main thread waits in a library.
        self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._listener = threading.Thread(target=self._listen, name="facewire-interrupts", daemon=True)
        self._listener.start()
        for number in _NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, lambda *_: self._told.set())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._left.set()
        with suppress(BlockingIOError):
            os.write(self._writing, b"\0")
        self._listener.join()
        os.close(self._writing)
        os.close(self._reading)

    def _listen(self) -> None:
        while not self._left.is_set():
            if os.read(self._reading, 1)[0] in self._before:
                self._told.set()
                if self._last_words is not None and not self._left.wait(PATIENCE_S):
                    print(self._last_words, file=sys.stderr)
                    leave(130)
