"""Stage 10, meter (offline): the cores that a measurement may use, so that a figure means the same on any machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.errors import SettingError


@contextmanager
def pinned(count: int) -> Iterator[tuple[int, ...]]:
    """Holds this process, and every process started inside, to `count` of its cores; gives their numbers.

    Whoever pins itself after its start has made threads already. So the parent is pinned, children inherit it, and it
    gets its own cores back at the end. Empty where the system cannot pin. SettingError when there are fewer cores.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield ()
        return
    before = os.sched_getaffinity(0)
    if count > len(before):
        raise SettingError(f"--threads {count}: this process may use {len(before)} cores")
    cores = tuple(sorted(before)[:count])
    os.sched_setaffinity(0, cores)
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, before)


def load_before() -> float | None:
    """How many processes have run or waited for a core in the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
