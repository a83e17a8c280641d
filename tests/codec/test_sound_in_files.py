"""Sound in files: a clip whose flashes and beeps mark the same moments goes there and back, and they still do."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.__main__ import main
from codec.bits.container import FileHeader, FileReader, FileWriter
from codec.errors import BitstreamError
from codec.pictures.video import VideoWriter
from codec.sound import SAMPLE_RATE, Samples, SoundConfig, SoundMessage
from codec.sound.in_file import SoundOfFile, coded_sound, length

MARKS_S = (0.4, 1.2)
FRAMES, FPS = 40, 25


def beeps(seconds: float, *, marks_s: tuple[float, ...] = MARKS_S) -> Samples:
    """0.1 s of 1 kHz at each mark."""
    t_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    on = np.any([(t_s >= mark_s) & (t_s < mark_s + 0.1) for mark_s in marks_s], axis=0)
    return np.asarray(0.5 * on * np.sin(2 * np.pi * 1000 * t_s), np.float32)


def made(path: Path, samples: Samples | None) -> Path:
    """A clip that is bright at the marks for 0.2 s, else dark."""
    with VideoWriter(path, fps=Fraction(FPS), sound=samples is not None) as writer:
        for index in range(FRAMES):
            bright = any(mark_s <= index / FPS + 1e-6 < mark_s + 0.2 for mark_s in MARKS_S)
            writer.write(np.full((256, 256, 3), 220 if bright else 40, np.uint8), pts=index * 3600)
        if samples is not None:
            writer.write_sound(samples, pts=0)
    return path


def heard(path: Path) -> tuple[Samples, float]:
    """The sound of a video, and when it begins."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().reshape(-1).astype(np.float32) for frame in frames])
    assert frames[0].time is not None
    return samples / np.abs(samples).max(), frames[0].time


def onsets_s(samples: Samples, begin_s: float) -> list[float]:
    """When sound begins after at least 0.3 s of quiet."""
    loud = np.flatnonzero(np.abs(samples) > 0.2) / SAMPLE_RATE + begin_s
    return [float(at) for at, before in zip(loud, [-1.0, *loud[:-1]], strict=True) if at - before > 0.3]


def lit_s(path: Path) -> list[float]:
    """When pictures turn bright."""
    with av.open(str(path)) as container:
        pictures = [(frame.time, frame.to_ndarray(format="gray").mean() > 120) for frame in container.decode(video=0)]
    before = [False, *(bright for _, bright in pictures[:-1])]
    return [time for (time, bright), was in zip(pictures, before, strict=True) if bright and not was]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_picture_and_sound_still_mark_the_same_moments(tmp_path: Path, suffix: str) -> None:
    clip, coded, out = made(tmp_path / "clip.mkv", beeps(1.6)), tmp_path / "a.fw", tmp_path / f"out{suffix}"
    assert main(["encode", str(clip), str(coded)]) == 0
    assert main(["decode", str(coded), str(out)]) == 0
    assert lit_s(out) == pytest.approx(MARKS_S, abs=0.001)
    assert onsets_s(*heard(out)) == pytest.approx(MARKS_S, abs=0.02)


def test_sound_that_begins_later_is_heard_later(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mkv", sound=True) as writer:
        for index in range(FRAMES):
            writer.write(np.full((256, 256, 3), 90, np.uint8), pts=index * 3600)
        writer.write_sound(beeps(0.6, marks_s=(0.05,)), pts=90_000)
    assert main(["encode", str(tmp_path / "clip.mkv"), str(tmp_path / "a.fw")]) == 0
    assert main(["decode", str(tmp_path / "a.fw"), str(tmp_path / "out.mkv")]) == 0
    assert onsets_s(*heard(tmp_path / "out.mkv")) == pytest.approx([1.05], abs=0.02)


def test_a_limit_ends_sound_with_the_pictures(tmp_path: Path) -> None:
    clip = made(tmp_path / "clip.mkv", beeps(1.6))
    assert main(["encode", str(clip), str(tmp_path / "a.fw"), "--limit", "5"]) == 0
    with FileReader(tmp_path / "a.fw") as reader:
        sound = SoundOfFile()
        ends = [r.pts / 90_000 + len(sound.decode(r.data)) / SAMPLE_RATE for r in reader.records() if r.sound]
    assert 0.2 <= ends[-1] < 0.26


@pytest.mark.parametrize(("samples", "flags"), [(None, []), (beeps(1.6), ["--no-sound"])])
def test_no_sound_is_no_stream_of_sound(tmp_path: Path, samples: Samples | None, flags: list[str]) -> None:
    clip = made(tmp_path / "clip.mkv", samples)
    assert main(["encode", str(clip), str(tmp_path / "a.fw"), "--limit", "2", *flags]) == 0
    assert main(["decode", str(tmp_path / "a.fw"), str(tmp_path / "out.mp4")]) == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


def test_a_gap_in_the_sound_stays_one_and_what_overlaps_is_heard_once() -> None:
    """Blocks of 0.3 s: one, a gap of 0.5 s, one, and one that begins 0.1 s before that has ended."""
    tone = beeps(0.3, marks_s=(0.0, 0.1, 0.2))
    messages = list(coded_sound([(tone, 0.0), (tone, 0.8), (tone, 1.0)], SoundConfig()))
    assert [message.sequence for _, message in messages] == [0, 8]
    begins_s = [pts / 90_000 for pts, _ in messages]
    assert begins_s == pytest.approx([0.0, 0.8], abs=0.01)
    ends_s = [(pts + length(message)) / 90_000 for pts, message in messages]
    assert ends_s == pytest.approx([0.32, 1.32], abs=0.02)


def test_what_is_before_the_first_picture_is_left_out() -> None:
    ((pts, message),) = coded_sound([(beeps(0.2), -0.15)], SoundConfig())
    assert -0.01 <= pts / 90_000 <= 0.0
    assert length(message) == 2 * 3600


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_sound_or_refused_by_name(tail: bytes) -> None:
    sound = SoundOfFile()
    for data in (tail, b"\x10\x00\x00\x00\x00\x00\x00\x00" + tail):
        try:
            samples = sound.decode(data)
        except BitstreamError:
            continue
        assert np.isfinite(samples).all()
    assert len(sound.decode(bytes(SoundMessage(sequence=0, time=0, frames=(b"",))))) == 1920


def test_sound_that_is_none_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = made(tmp_path / "clip.mkv", beeps(1.6))
    assert main(["encode", str(clip), str(tmp_path / "a.fw"), "--limit", "2"]) == 0
    with FileReader(tmp_path / "a.fw") as reader:
        header, records = reader.header, list(reader.records())
    assert header == FileHeader(size=256, fps=Fraction(25), weights=header.weights, sound=True)
    with FileWriter(tmp_path / "bad.fw", header) as writer:
        writer.write(records[0].data, pts=0)
        writer.write_sound(b"\x10\x00\x00", pts=0)
    capsys.readouterr()
    assert main(["decode", str(tmp_path / "bad.fw"), str(tmp_path / "out.mp4")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "a sound message of 3 bytes" in said
