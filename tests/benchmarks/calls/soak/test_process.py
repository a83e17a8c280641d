"""What the kernel says of a process."""

import os
import threading
from pathlib import Path

import pytest

from benchmarks.calls.soak.process import usage_of

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")


def written(place: Path, *, name: str = "python") -> Path:
    process = place / "7"
    (process / "fd").mkdir(parents=True)
    for number in range(3):
        (process / "fd" / str(number)).touch()
    (process / "status").write_text(f"Name:\t{name}\nVmRSS:\t    2000 kB\nThreads:\t5\n")
    fields = ["S", *map(str, range(10)), "300", "100", "0"]
    (process / "stat").write_text(f"7 ({name}) {' '.join(fields)}\n")
    return place


@pytest.mark.parametrize("name", ["python", "a (b) c", "1 2 3"])
def test_memory_threads_files_and_time_are_read_whatever_the_process_is_called(tmp_path: Path, name: str) -> None:
    usage = usage_of(7, proc=written(tmp_path, name=name))
    assert usage is not None
    assert (usage.memory_mb, usage.threads, usage.descriptors) == (pytest.approx(2.048), 5, 3)
    assert usage.cpu_s == pytest.approx(400 / os.sysconf("SC_CLK_TCK"))


def test_a_process_that_has_gone_or_holds_no_memory_any_more_is_none(tmp_path: Path) -> None:
    assert usage_of(8, proc=tmp_path) is None
    place = written(tmp_path)
    (place / "7" / "status").write_text("Name:\tgone\nThreads:\t1\n")
    assert usage_of(7, proc=place) is None


@needs_proc
def test_a_thread_and_a_file_more_are_seen() -> None:
    before, goes_on = usage_of(os.getpid()), threading.Event()
    thread = threading.Thread(target=goes_on.wait)
    thread.start()
    with Path(os.devnull).open() as _:
        after = usage_of(os.getpid())
    goes_on.set()
    thread.join()
    assert before is not None
    assert after is not None
    assert after.threads == before.threads + 1
    assert after.descriptors == before.descriptors + 1
