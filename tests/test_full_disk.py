"""A disk that fills up while something is written: one error that says so, and what was written before plays.

A limit to the size of files stands for the disk: it needs no rights, and FFmpeg and Python meet the same error.
"""

import json
import resource
import signal
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import write_json
from benchmarks.records.picture_file import save_picture
from codec.bits.container import FileHeader, FileReader, FileWriter
from codec.errors import MediaError
from codec.pictures.video import VideoWriter
from receiver.errors import DisplayError
from receiver.outputs.files import FileOutput, Recorder
from receiver.outputs.videofile import VideoFile
from receiver.picture import Picture
from receiver.sound.outputs import SoundFile
from signaling.errors import OptionsError
from signaling.programs.meter_lines import MeterLines

NOISE = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
HEADER = FileHeader(size=128, fps=Fraction(25), weights="a-00000000")


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes."""
    before, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def playable(path: Path) -> int:
    """Pictures of a file that a player shows: what is damaged is passed over."""
    pictures = 0
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            try:
                pictures += len(packet.decode())
            except av.FFmpegError:
                assert packet.dts is not None
    return pictures


def picture(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.roll(NOISE, 5 * number, axis=1)


@pytest.mark.parametrize("size", [0, 20, 1000])
def test_a_coded_file(tmp_path: Path, size: int) -> None:
    path, written = tmp_path / "a.fw", list[int]()

    def write() -> None:
        with FileWriter(path, HEADER) as writer:
            for number in range(100):
                writer.write(bytes(50), pts=number)
                written.append(number)

    with full_after(size), pytest.raises(MediaError, match=r"a.fw: cannot be written: File too large"):
        write()
    if size == 1000:
        with FileReader(path) as reader:
            assert len(list(reader)) == len(written) > 10


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("size", [0, 400_000])
def test_decoded_pictures(tmp_path: Path, name: str, size: int) -> None:
    path = tmp_path / name

    def write() -> None:
        with VideoWriter(path) as writer:
            for number in range(400):
                writer.write(picture(number), pts=3600 * number)

    with full_after(size), pytest.raises(MediaError, match=f"{name}: cannot be written: File too large"):
        write()
    assert size == 0 or playable(path) > 5


@pytest.mark.parametrize("size", [0, 300_000])
def test_pictures_received(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.mp4"
    file = VideoFile(path)
    with pytest.raises(MediaError, match=r"a.mp4: cannot be written: File too large"), full_after(size):  # noqa: PT012
        for number in range(400):
            file.write(picture(number), pts=3600 * number)
    file.close()
    assert size == 0 or playable(path) > 5


OPENED: dict[str, Callable[[Path, list[object]], FileOutput | Recorder]] = {
    "file": lambda folder, ended: FileOutput(folder / "a.mp4", ended=ended.append),
    "recording": lambda folder, ended: Recorder(folder, size=128, ended=ended.append),
}


@pytest.mark.parametrize("kind", OPENED)
def test_an_output_ends_and_says_why(tmp_path: Path, kind: str) -> None:
    ended: list[object] = []
    with full_after(300_000):
        output = OPENED[kind](tmp_path, ended)
        number = 0
        while not ended and number < 100_000:
            output.show(Picture("h264", 3600 * number, 40_000 * number, picture(number)))
            number += 1
        with pytest.raises(DisplayError, match="File too large"):
            output.close()
    assert [str(error) for error in ended] == [str(output._error)]
    assert playable(tmp_path / ("a.mp4" if kind == "file" else "h264.mkv")) > 0


def test_a_voice(tmp_path: Path) -> None:
    file = SoundFile(tmp_path / "a.wav")
    with full_after(1000):
        file.write(np.zeros(100, np.float32))
        with pytest.raises(DisplayError, match=r"a.wav: cannot write: File too large"):
            file.write(np.zeros(1000, np.float32))
        file.close()
    with wave.open(str(tmp_path / "a.wav")) as again:
        assert again.getnframes() >= 100


def test_the_meter(tmp_path: Path) -> None:
    lines = MeterLines(str(tmp_path / "m.jsonl"), error=OptionsError)
    with full_after(100):
        lines.write({"time_s": 0.0})
        with pytest.raises(OptionsError, match=r"--json .*m.jsonl: cannot be written: File too large"):
            lines.write({"time_s": "1" * 100})
        lines.close()
    assert json.loads((tmp_path / "m.jsonl").read_text().splitlines()[0]) == {"time_s": 0.0}


def test_results_plots_and_pictures(tmp_path: Path) -> None:
    """The benchmarks print an OSError as their one line."""
    with full_after(100):
        for write in (
            lambda: write_json(tmp_path / "a.json", {"a": "1" * 200}),
            lambda: save_figure(Figure(), tmp_path / "a.png"),
            lambda: save_picture(NOISE, tmp_path / "b.png"),
        ):
            with pytest.raises(OSError, match="File too large"):
                write()
