"""Stages 3 and 9, engine: the one place that imports OpenVINO, without the telemetry that its package starts.

`import openvino` would count its uses in files in the home folder and report each to an analytics host, from a child
that is forked for it and, where the host does not answer, ended with SIGTERM. A forked child shares the wakeup pipe of
its parent's asyncio loop: the signal arrives at the parent's own handler, and a call ends as if it had been told to.

OpenVINO takes a stub of its own where `openvino_telemetry` is not installed, so for as long as the import lasts it is
not. Nothing else changes: no environment variable, no consent file, and an application that imports
`openvino_telemetry` itself, before or after, has it. One that imported `openvino` before us has started its telemetry.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["core", "ov"]

_TELEMETRY = "openvino_telemetry"


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Makes importing the package fail as if it were not there."""
    held = sys.modules.get(_TELEMETRY)
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # what the import system takes for "not to be found"
    try:
        yield
    finally:
        if held is None:
            del sys.modules[_TELEMETRY]
        else:
            sys.modules[_TELEMETRY] = held


with _without_telemetry():
    import openvino as ov


@cache
def core() -> ov.Core:
    """The one of this process."""
    return ov.Core()
