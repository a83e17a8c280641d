"""A pipe that gives nothing: somebody is told that it is waited for, and it is read when it comes."""

import logging
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from codec.input import pipe
from codec.input.video import read_video
from codec.pictures.video import VideoWriter


class Heard(logging.Handler):
    """Sets an event with the first warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.event, self.lines = threading.Event(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.event.set()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def video(tmp_path: Path) -> bytes:
    with VideoWriter(tmp_path / "a.mkv", fps=25) as writer:
        for level in (60, 120, 180):
            writer.write(np.full((64, 64, 3), level, np.uint8), pts=level * 60)
    return (tmp_path / "a.mkv").read_bytes()


@pytest.mark.parametrize("silent", ["before it is opened", "afterwards"])
def test_a_pipe_that_gives_nothing_is_told_of_once_and_read_when_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: Heard, video: bytes, silent: str
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setattr(pipe, "PATIENCE_S", 0.0)

    def write() -> None:
        if silent == "before it is opened":
            assert heard.event.wait(30)
        with fifo.open("wb") as file:
            if silent == "afterwards":
                assert heard.event.wait(30)
            file.write(video)

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    logging.getLogger("codec.input.pipe").addHandler(heard)
    try:
        shown = [int(image.mean()) for image, _ in read_video(str(fifo))]
    finally:
        logging.getLogger("codec.input.pipe").removeHandler(heard)
    writing.join(30)
    assert not writing.is_alive()
    assert np.allclose(shown, [60, 120, 180], atol=3)
    assert heard.lines
    assert all("fifo: no video has come yet, waiting for it" in line for line in heard.lines)


def test_a_pipe_that_gives_at_once_is_not_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: Heard, video: bytes
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setattr(pipe, "PATIENCE_S", 3600.0)
    threads = threading.active_count()
    with os.fdopen(writing, "wb") as file:
        file.write(video[:1000])
    with open(reading, "rb", buffering=0) as raw:
        piped = pipe.Pipe(raw, label="a")
        assert b"".join(iter(lambda: piped.read(300), b"")) == video[:1000]
    assert heard.lines == []
    assert threading.active_count() == threads
