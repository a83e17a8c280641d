"""Signaling, server log: one short line for each thing that happened, and no more of them than a disk can take.

Much of what is logged, by libraries too, is for strangers to bring about and holds their words.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

from signaling.printable import printable
from signaling.server.quotas import Allowance, Meter

__all__ = ["BoundedHandler"]

_LONGEST = 300  # characters of a line
_LINES = Allowance(at_once=200, per_s=5)


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes each record as one printable line; of an exception only what it says. Lines beyond `lines` are counted."""

    def __init__(
        self, stream: TextIO = sys.stderr, *, lines: Allowance = _LINES, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._meter = Meter(lines, now_s=now_s)
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record if there is room for it."""
        if self._meter.has_room():
            self._meter.take()
            super().emit(record)
        else:
            self._left_out += 1

    def format(self, record: logging.LogRecord) -> str:
        """The line; lines that were left out before it are told first."""
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage() + ("" if error is None else f": {type(error).__name__}: {error}")
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        left_out, self._left_out = self._left_out, 0
        more = f" ({left_out} lines before this one were left out)" if left_out else ""
        return f"{moment} {record.levelname.lower()}: {printable(text, longest=_LONGEST)}{more}"
