"""Measuring calls: how an end that a benchmark starts runs and says what is wrong."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

from signaling.errors import SignalingError
from signaling.programs.ends import first_error

__all__ = ["run_end"]


def run_end(
    work: Coroutine[Any, Any, None], *, name: str, refusals: tuple[type[Exception], ...] = (SignalingError,)
) -> int:
    """Runs it. Returns 0, or 2 after one line for an error of `refusals`. All else is raised."""
    problem = ""
    try:
        asyncio.run(work)
    except* refusals as errors:
        problem = f"{name}: {first_error(errors)}"
    if problem:
        print(problem, file=sys.stderr)
    return 2 if problem else 0
