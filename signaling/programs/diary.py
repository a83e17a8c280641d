"""Both ends, diary: what libraries log, as dated lines of a bounded number, at the level that the program was told."""

import logging

from signaling.programs.meter_table import Level
from signaling.server.log import BoundedHandler

__all__ = ["log_to_stderr"]


def log_to_stderr(level: Level) -> None:
    """For programs. Libraries are left to warnings and errors, unless all of it is wanted."""
    wanted = logging.DEBUG if level == "debug" else max(logging.WARNING, getattr(logging, level.upper()))
    logging.basicConfig(level=wanted, handlers=[BoundedHandler()], force=True)
