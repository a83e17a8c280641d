"""Pictures and sound in one file: in step, whatever comes late or not at all, and it plays when the program died."""

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from codec.sound import SAMPLE_RATE, Samples, SoundConfig, SoundEncoder, SoundMessage
from receiver.outputs.files import FileOutput, Recorder
from receiver.picture import Heard, Picture
from receiver.sound import SoundPlayout

START_US = 77_000_000  # of the clock that a file does not begin with
MARKS_S = (0.6, 2.0, 3.4)
BLOCK = 960


def picture(index: int, *, start_us: int = START_US) -> Picture:
    """25 a second, bright for 0.2 s at each mark."""
    bright = any(mark_s <= index / 25 + 1e-6 < mark_s + 0.2 for mark_s in MARKS_S)
    image = np.full((64, 64, 3), 220 if bright else 40, np.uint8)
    return Picture("keypoints", index * 3600, start_us + index * 40_000, image)


def block(index: int) -> Samples:
    """20 ms of a beep of 0.1 s at each mark."""
    t_s = (index * BLOCK + np.arange(BLOCK)) / SAMPLE_RATE
    on = np.any([(t_s >= mark_s) & (t_s < mark_s + 0.1) for mark_s in MARKS_S], axis=0)
    return np.asarray(0.5 * on * np.sin(2 * np.pi * 1000 * t_s), np.float32)


def give(output: FileOutput | Recorder, shown: Picture) -> None:
    """Hands a picture over, and waits until it is taken: none shall give way here."""
    output.show(shown)
    while len(output._waiting):
        os.sched_yield()


def flashes_s(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        lit = [(frame.time, frame.to_ndarray(format="gray").mean() > 120) for frame in container.decode(video=0)]
    return [at for (at, bright), (_, was) in zip(lit[1:], lit[:-1], strict=True) if bright and not was]


def beeps_s(path: Path) -> list[float]:
    """When sound begins after at least 0.3 s of quiet."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    if not frames:
        return []
    samples = np.concatenate([frame.to_ndarray().reshape(-1).astype(np.float64) for frame in frames])
    if frames[0].format.name.startswith("s"):
        samples /= 2**15 if frames[0].format.name.startswith("s16") else 2**31
    assert frames[0].time is not None
    loud = np.flatnonzero(np.abs(samples) > 0.1) / SAMPLE_RATE + frames[0].time
    quiet_s = np.diff(loud, prepend=-1.0)
    return [float(at) for at in loud[quiet_s > 0.3]]


def pts(at_us: float) -> int:
    return round(at_us * 9 / 100)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("kind", ["steady", "uneven", "breaks off"])
def test_flashes_and_beeps_stay_together(tmp_path: Path, name: str, kind: str) -> None:
    """Sound is told a little early or late by a device, and does not come at all for a while."""
    path, random = tmp_path / name, np.random.default_rng(0)
    output = FileOutput(path, sound=True, ended=lambda _: None)
    for index in range(100):
        give(output, picture(index))
        for number in (2 * index, 2 * index + 1):
            if kind == "breaks off" and 1.0 <= number / 50 < 1.7:
                continue
            shift_us = random.uniform(-8_000, 8_000) if kind == "uneven" and number else 0
            output.hear(Heard(block(number), pts(START_US + number * 20_000 + shift_us)))
    output.close()
    assert flashes_s(path) == pytest.approx(MARKS_S, abs=0.041)
    assert beeps_s(path) == pytest.approx(MARKS_S, abs=0.02)


def test_a_call_without_a_voice_has_silence_and_all_its_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    output = FileOutput(path, sound=True, ended=lambda _: None)
    for index in range(60):
        give(output, picture(index))
    output.close()
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 60
    assert beeps_s(path) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_from_before_the_first_picture_is_not_kept(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    output = FileOutput(path, sound=True, ended=lambda _: None)
    for number in range(-100, 0):
        output.hear(Heard(np.full(BLOCK, 0.5, np.float32), pts(START_US + number * 20_000)))
    for index in range(10):
        give(output, picture(index))
    output.close()
    assert beeps_s(path) == flashes_s(path) == []


def test_the_voice_goes_on_where_no_picture_comes(tmp_path: Path) -> None:
    """A minute of it, more than may wait."""
    path = tmp_path / "a.mkv"
    output = FileOutput(path, sound=True, ended=lambda _: None)
    give(output, picture(0))
    for number in range(3000):
        output.hear(Heard(block(number), pts(START_US + number * 20_000)))
        while len(output._sounds) > 900:
            os.sched_yield()
    output.close()
    assert beeps_s(path) == pytest.approx(MARKS_S, abs=0.002)
    with av.open(str(path)) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 3000 * BLOCK


def test_a_recording_has_the_voice_by_the_senders_time_in_both_files(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, size=64, sound=True, ended=lambda _: None)
    for index in range(100):
        here = picture(index)
        give(recorder, here)
        give(recorder, Picture("h264", here.pts, 0, here.rgb()))
        if index != 20:  # a frame of silence that was left out
            recorder.hear(Heard(np.concatenate([block(2 * index), block(2 * index + 1)]), index * 3600))
    recorder.close()
    for name in ("keypoints.mkv", "h264.mkv"):
        assert beeps_s(tmp_path / name) == pytest.approx(MARKS_S, abs=0.002)
        assert flashes_s(tmp_path / name) == pytest.approx(MARKS_S, abs=0.041)


def test_the_playout_tells_what_it_decodes_with_the_times_of_pictures() -> None:
    playout, told = SoundPlayout(), list[tuple[int, int]]()
    playout.watch(lambda samples, at: told.append((len(samples), at)))
    encoder, origin_us = SoundEncoder(SoundConfig(dtx=False)), 400_000
    hum = np.asarray(0.3 * np.sin(np.arange(1920) / 30), np.float32)
    for number in range(30):
        if number != 12:
            message = SoundMessage(sequence=number, time=90_000 + 3600 * number, frames=(encoder.encode(hum),))
            playout.add(message, arrived_us=2_000_000 + 40_000 * number)
    playout.wait_for(1_500_000, pts_origin_us=origin_us)
    for number in range(100):
        now_us = 2_000_000 + 20_000 * number
        playout.pull(BLOCK, play_us=now_us, now_us=now_us)
    first = 90_000 - origin_us * 9 // 100
    assert [at for _, at in told] == [first + 3600 * number for number in range(len(told))]
    assert len(told) > 20
    assert {length for length, _ in told} == {1920}


WRITES_AND_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.receiver.test_films import START_US, block, give, picture, pts
from receiver.outputs.files import FileOutput, Recorder
from receiver.picture import Heard
folder, sounds = Path(sys.argv[1]), sys.argv[2] == "sound"
outputs = [FileOutput(folder / name, sound=True, ended=lambda _: None) for name in ("a.mp4", "a.mkv")]
recorder = Recorder(folder, size=64, sound=True, ended=lambda _: None)
for index in range(150):
    for output in (*outputs, recorder):
        give(output, picture(index))
        for number in (2 * index, 2 * index + 1) if sounds else ():
            start = 0 if output is recorder else pts(START_US)
            output.hear(Heard(block(number), start + number * 1800))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("sounds", ["sound", "none"])
def test_what_was_written_plays_when_the_program_is_killed(tmp_path: Path, sounds: str) -> None:
    command = [sys.executable, "-c", WRITES_AND_IS_KILLED, str(tmp_path), sounds]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    for name in ("a.mp4", "a.mkv", "keypoints.mkv"):
        with av.open(str(tmp_path / name)) as container:
            video, last_s = container.streams.video[0], 0.0
            try:
                for frame in container.decode(video):
                    last_s = frame.time or last_s
            except av.FFmpegError:  # the last one is cut
                assert last_s > 0
        assert last_s >= 6.0 - 0.6, name
        if sounds == "sound":
            assert beeps_s(tmp_path / name)[:2] == pytest.approx(MARKS_S[:2], abs=0.02), name
