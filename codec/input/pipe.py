"""Stage 1, input, pipe: bytes of a pipe -> FFmpeg, read by Python, which an interrupt ends; says so where none come."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import FileIO
from threading import Timer

__all__ = ["Pipe", "told_to_wait"]

PATIENCE_S = 3.0  # a camera's or FFmpeg's start takes less
_log = logging.getLogger(__name__)


@contextmanager
def told_to_wait(label: str) -> Iterator[None]:
    """What waits in this block for a pipe says so once, in a warning, when `PATIENCE_S` are over."""
    timer = Timer(PATIENCE_S, _log.warning, ("%s: no video has come yet, waiting for it (Ctrl+C ends this)", label))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


class Pipe:
    """What can be read and nothing else, so that FFmpeg never seeks."""

    def __init__(self, file: FileIO, *, label: str) -> None:
        self._file, self._label = file, label
        self._has_begun = False

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end; waits for the first."""
        with nullcontext() if self._has_begun else told_to_wait(self._label):
            data = self._file.read(size) or b""
        self._has_begun = True
        return data
