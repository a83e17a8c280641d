"""Stage 3 to 10, offline: two processes measure what one does, and what goes wrong in them is told here."""

import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import ClipError, SettingError
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate.operating_points import RateSettings, operating_points
from benchmarks.rate.parallel import measure
from benchmarks.rate.results.measured import ClipResult

SETTINGS = RateSettings(seconds=0.12, qps=(40,), residual=False, anchors=("x264",), prototype_steps=(16.0,), threads=1)


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return [Path(shutil.copy(SAMPLE, tmp_path / f"{name}.mp4")) for name in ("one", "two")]


def figures(results: list[ClipResult]) -> list[dict[str, object]]:
    """All but milliseconds."""
    rows = [asdict(one.row) for result in results for one in result.measured]
    return [{name: value for name, value in row.items() if not name.endswith("_ms")} for row in rows]


def test_processes_measure_what_one_does_and_tell_of_it(clips: list[Path]) -> None:
    told: dict[int, list[str]] = {1: [], 2: []}
    results = {jobs: measure(clips, SETTINGS, NetFiles(), jobs=jobs, tick=told[jobs].append) for jobs in (1, 2)}
    assert [result.name for result in results[2]] == ["one", "two"]
    assert figures(results[1]) == figures(results[2])
    assert sorted(told[1]) == sorted(told[2])
    assert len(told[2]) == 2 * len(operating_points(SETTINGS))


def test_a_clip_that_fails_in_a_process_is_named(clips: list[Path]) -> None:
    clips[1].write_bytes(b"not a video")
    with pytest.raises(ClipError, match=r"two\.mp4"):
        measure(clips, SETTINGS, NetFiles(), jobs=2)


def test_equal_names_are_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="same name"):
        measure([tmp_path / "a.mp4", tmp_path / "b" / "a.mp4"], SETTINGS, NetFiles(), jobs=2)


PROGRAM = """
import multiprocessing, threading
from benchmarks.rate.parallel import end_with_parent

def work():
    end_with_parent()
    print("here", flush=True)
    threading.Event().wait()

if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=work)
    process.start()
    process.join()
"""


def test_a_process_does_not_outlive_a_command_that_was_killed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "here\n"
        command.kill()
        assert command.stdout.read() == "", "the pipe ends only when the started process has, too"
