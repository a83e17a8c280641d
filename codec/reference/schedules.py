"""Stage 4, threads of the reference coder: SVT-AV1 run as root makes threads real-time; here that is undone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["ordinary_threads", "thread_schedules"]


_THREADS = "/proc/self/task"


def thread_schedules() -> dict[int, int]:
    """Scheduling policy of every thread of this process, by thread id; empty where the system does not tell."""
    if not hasattr(os, "sched_getscheduler") or not os.path.isdir(_THREADS):
        return {}
    schedules = {}
    for thread in map(int, os.listdir(_THREADS)):
        with suppress(ProcessLookupError):  # it has ended since it was listed
            schedules[thread] = os.sched_getscheduler(thread)
    return schedules


@contextmanager
def ordinary_threads() -> Iterator[None]:
    """While an encoder is opened: SVT-AV1, run as root, makes itself and the thread that opened it real-time.

    A real-time thread would starve the rest of the call, and of the machine. Threads that are new become ordinary,
    those that were there what they were, also where the encoder does not open.
    """
    before = thread_schedules()
    try:
        yield
    finally:
        _restore(before)


def _restore(before: dict[int, int]) -> None:
    for thread, policy in thread_schedules().items():
        wanted = before.get(thread, os.SCHED_OTHER)
        if policy != wanted == os.SCHED_OTHER:
            with suppress(ProcessLookupError):
                os.sched_setscheduler(thread, wanted, os.sched_param(0))
