"""Recordings as people have them: of one call after another, and of a program that was killed at once."""

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from receiver.destinations import Destinations
from receiver.outputs.files import Recorder
from receiver.outputs.timeline import APART, TimeLine
from tests.receiver.test_films import MARKS_S, beeps_s, block, flashes_s, picture

SHOWN = 100  # pictures of each call


def test_the_first_call_keeps_the_senders_times() -> None:
    line = TimeLine()
    line.begin()
    assert [line.place(pts) for pts in (90_000, 93_600, 86_400)] == [90_000, 93_600, 86_400]


@pytest.mark.parametrize("anew", [0, 5_000, 10**9])
def test_a_later_call_goes_on_after_what_was_before_it_whatever_its_times_are(anew: int) -> None:
    line = TimeLine()
    line.begin()
    line.place(90_000)
    line.place(80_000)
    line.begin()
    assert [line.place(anew + pts) for pts in (0, 3600, -1800)] == [
        90_000 + APART,
        90_000 + APART + 3600,
        90_000 + APART - 1800,
    ]


def test_a_call_of_which_nothing_came_leaves_no_gap() -> None:
    line = TimeLine()
    for _ in range(3):
        line.begin()
    assert line.place(7) == 7
    for _ in range(3):
        line.begin()
    assert line.place(7) == 7 + APART


async def test_a_recording_has_all_calls_one_after_another(tmp_path: Path) -> None:
    destinations = Destinations()
    await destinations.open("null", record=tmp_path, sound=True, size=64, ended=lambda _: None)
    recorder = destinations._recordings._of(1)
    assert isinstance(recorder, Recorder)
    for _ in range(2):
        destinations.begin()
        for index in range(SHOWN):
            destinations.record(picture(index))
            while len(recorder._waiting):  # none shall give way here
                os.sched_yield()
            for number in (2 * index, 2 * index + 1):
                destinations._recordings.hear(1, block(number), number * 1800)
    await destinations.close()
    film = tmp_path / "keypoints.mkv"
    later_s = (SHOWN - 1) / 25 + 0.02 + 1  # the last block of sound begins 20 ms after the last picture
    both = [*MARKS_S, *(later_s + mark_s for mark_s in MARKS_S)]
    assert flashes_s(film) == pytest.approx(both, abs=0.041)
    assert beeps_s(film) == pytest.approx(both, abs=0.002)
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 2 * SHOWN


WRITES_AND_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from receiver.outputs.files import FileOutput, Recorder
from receiver.picture import Heard
from tests.receiver.test_films import START_US, block, give, picture, pts
folder, pictures, sounds = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "sound"
outputs = [FileOutput(folder / name, sound=True, ended=lambda _: None) for name in ("a.mkv", "a.mp4")]
recorder = Recorder(folder, size=64, sound=True, ended=lambda _: None)
for index in range(pictures):
    for output in (*outputs, recorder):
        for number in (2 * index, 2 * index + 1) if sounds else ():
            start = 0 if output is recorder else pts(START_US)
            output.hear(Heard(block(number), start + number * 1800))
        give(output, picture(index))
for output in (*outputs, recorder):
    give(output, picture(pictures))  # what was before it has been written
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("sounds", "pictures", "at_least"),
    [("sound", 15, {"a.mkv": 8, "a.mp4": 6, "keypoints.mkv": 8}), ("none", 15, {"a.mkv": 5, "keypoints.mkv": 5})],
)
def test_what_was_written_in_the_first_second_plays_when_the_program_is_killed(
    tmp_path: Path, sounds: str, pictures: int, at_least: dict[str, int]
) -> None:
    command = [sys.executable, "-c", WRITES_AND_IS_KILLED, str(tmp_path), str(pictures), sounds]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    for name, least in at_least.items():
        with av.open(str(tmp_path / name)) as container:
            assert sum(1 for _ in container.decode(video=0)) >= least, name
        if sounds == "sound":
            assert heard(tmp_path / name) >= 0.2, name


def heard(path: Path) -> float:
    """Seconds of sound."""
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=0)) / 48_000
