"""Stage 10, meter (offline): what the kernel says of a process: memory, threads, open files, time on the cores."""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "usage_of"]

_MB = 1e6
_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class Usage:
    """One process at one moment."""

    memory_mb: float  # resident, 10^6 bytes; files that are mapped count
    threads: int
    descriptors: int
    cpu_s: float  # on all cores, since the process began


def usage_of(pid: int, *, proc: Path = Path("/proc")) -> Usage | None:
    """What a process holds now; None where it has gone, or the system does not tell."""
    place = proc / str(pid)
    try:
        lines = (place / "status").read_text().splitlines()
        # The name, in parentheses, may hold anything: fields are counted behind it, from the third on.
        stat = (place / "stat").read_text().rpartition(")")[2].split()
        descriptors = len(os.listdir(place / "fd"))
    except OSError:
        return None
    words = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    if "VmRSS" not in words:
        return None
    return Usage(
        memory_mb=int(words["VmRSS"][0]) * 1024 / _MB,
        threads=int(words["Threads"][0]),
        descriptors=descriptors,
        cpu_s=(int(stat[11]) + int(stat[12])) / _TICKS_PER_S,
    )
