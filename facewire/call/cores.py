"""All stages, cores: how the two directions of a call share a machine's processor."""

import os

import cv2

__all__ = ["share_cores", "threads_of_each"]


def threads_of_each(asked: int) -> int:
    """Threads of the networks in each direction; half of the cores where 0 are `asked` for.

    Coding and decoding run beside each other. With a thread for each core in both, threads wait for each other's turns
    and spin meanwhile: of two ends on two cores, a tenth of their time.
    """
    return asked or max(1, _cores() // 2)


def share_cores() -> None:
    """For the program alone, since it is for all of the process: OpenCV works in the thread that calls it.

    Its pictures are small, and its own threads spin between them: on a busy machine they cost more than they save.
    """
    cv2.setNumThreads(1)


def _cores() -> int:
    """That this process may run on, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
