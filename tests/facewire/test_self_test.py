"""The self-test: it says that a call works where one does, and names what does not where something does not."""

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.clips.sample import SAMPLE
from benchmarks.clips.tone import write_tone
from codec.sound import SAMPLE_RATE
from facewire.call.__main__ import main
from facewire.call.self_test import FLOOR_FPS, pace_finding, picture_finding, power_near, sound_finding


def test_a_machine_that_can_call_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--self-test", "--threads", "1", "--qp", "40"])
    said = capsys.readouterr().out
    too_slow = "FAIL  pace" in said  # where other work has the machine
    for name in ("rendezvous server", "connection"):
        assert f"ok    {name}" in said
    for way in ("from the one end to the other", "from the other end to the one"):
        assert f"ok    pictures {way}" in said
        assert f"ok    sound {way}" in said
    assert status == int(too_slow)
    assert ("a call does not work here" if too_slow else "a call works here") in said
    assert "not tried: camera" in said


def test_an_end_that_cannot_code_is_quoted_and_the_call_does_not_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--self-test", "--weights", "absent.safetensors"]) == 1
    said = capsys.readouterr().out
    assert "absent.safetensors" in said
    assert "what to do:" in said
    assert "a call does not work here" in said


def test_a_tone_is_found_and_another_is_not_taken_for_it(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav", 440.0, seconds=2.0)
    assert sound_finding(tmp_path / "a.wav", "here", 440.0).works
    other = sound_finding(tmp_path / "a.wav", "here", 659.3)
    assert not other.works
    assert other.advice
    assert power_near(np.zeros(SAMPLE_RATE, np.float32), 440.0) == 0.0


def test_a_recording_without_sound_fails(tmp_path: Path) -> None:
    assert not sound_finding(tmp_path / "absent.wav", "here", 440.0).works
    with wave.open(str(tmp_path / "empty.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
    assert not sound_finding(tmp_path / "empty.wav", "here", 440.0).works


def test_the_clip_is_known_and_noise_is_not(tmp_path: Path) -> None:
    assert picture_finding(SAMPLE, "here").works
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    with av.open(str(tmp_path / "noise.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "bgr0"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode())
    assert not picture_finding(tmp_path / "noise.mkv", "here").works
    assert not picture_finding(tmp_path / "absent.mkv", "here").works


@pytest.mark.parametrize(
    ("fps", "works", "needed"),
    [
        (25.0, True, False),
        (20.0, True, False),
        (12.0, False, False),
        (8.0, False, False),
        (7.9, False, True),
        (2.0, False, True),
    ],
)
def test_a_slow_machine_is_told_and_fails_under_the_floor(fps: float, works: bool, needed: bool) -> None:
    lines = [{"shown_fps": fps, "keypoints": {"delay_ms": 200.0}}] * 5
    finding = pace_finding(lines, "here")
    assert (finding.works, finding.needed) == (works, needed)
    assert "200 ms" in finding.seen
    assert finding.works or finding.advice
    assert not pace_finding([], "here").works


def test_seconds_without_a_picture_count_once_there_was_one() -> None:
    flow = {"keypoints": {"delay_ms": None}}
    lines = [{"shown_fps": fps} | flow for fps in (0.0, 0.0, 25.0, 25.0, 25.0, 0.0, 0.0, 0.0)]
    finding = pace_finding(lines, "here")
    assert (finding.works, finding.needed) == (False, True)
    assert "8 are the least" in finding.seen


def test_the_help_names_the_floor(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert f"fewer than {FLOOR_FPS} pictures a second" in " ".join(capsys.readouterr().out.split())
