"""Tests of the sources by name: each bad one gives one clear line."""

import threading
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from sender.capture import Picture, ThreadSource
from sender.errors import SourceError
from sender.sources import _why_no_camera, open_source


def read(source: ThreadSource) -> list[Picture]:
    pictures: list[Picture] = []
    source.read(pictures.append, threading.Event())
    return pictures


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("webcam:", "webcam:NUMBER"),
        ("webcam:front", "webcam:NUMBER"),
        ("screen:640", "screen:WIDTHxHEIGHT"),
        ("screen:0x480", "screen:WIDTHxHEIGHT"),
        ("nowhere.mp4", "nowhere.mp4: no such file"),
        ("", "no such file"),
    ],
)
def test_a_name_that_makes_no_sense(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_source(text)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 47), (16, 2), (3, 5)])
def test_a_file_of_any_size_is_read(clip: Callable[..., Path], width: int, height: int) -> None:
    pictures = read(open_source(str(clip(frames=3, width=width, height=height, rate=1000))))
    assert [picture.image_rgb.shape for picture in pictures] == [(height, width, 3)] * 3
    assert [picture.pts for picture in pictures] == [0, 90, 180]


def test_a_file_of_one_frame_is_read(clip: Callable[..., Path]) -> None:
    assert len(read(open_source(str(clip(frames=1))))) == 1


def test_what_is_no_video_says_so(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("this is no video\n" * 50)
    with pytest.raises(SourceError, match=r"notes.mp4: cannot be opened as video \(Invalid data"):
        open_source(str(text))
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(1600))
    with pytest.raises(SourceError, match=r"sound.wav: no video stream in it"):
        open_source(str(sound))


def test_a_truncated_file_gives_what_it_has(clip: Callable[..., Path]) -> None:
    path = clip(frames=20)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    try:
        pictures = read(open_source(str(path)))
    except SourceError as error:
        assert "breaks off" in str(error)  # noqa: PT017 -- either end is right: it depends on where the file is cut
    else:
        assert 0 < len(pictures) < 20


def test_a_stream_that_is_not_there_says_so_without_its_password() -> None:
    source = open_source("http://user:secret@127.0.0.1:1/live")
    assert source.label == "http://127.0.0.1:1/live"
    with pytest.raises(SourceError, match=r"http://127.0.0.1:1/live: cannot be opened as video") as caught:
        read(source)
    assert "secret" not in str(caught.value)


def test_a_screen_needs_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SourceError, match="screen:: no DISPLAY"):
        read(open_source("screen:"))
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(SourceError, match=r"screen:64x48\+1\+2: cannot be opened"):
        read(open_source("screen:64x48+1+2"))


def test_a_camera_that_is_not_there_says_so() -> None:
    with pytest.raises(SourceError, match="webcam:99: no such camera"):
        read(open_source("webcam:99"))


def test_a_camera_that_is_not_there_is_all_that_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    """OpenCV, which tries one interface after another, would say a dozen lines."""
    with pytest.raises(SourceError):
        read(open_source("webcam:99"))
    assert capfd.readouterr() == ("", "")


def test_why_a_camera_does_not_open(tmp_path: Path) -> None:
    (tmp_path / "video").touch()
    assert _why_no_camera(0, folder=tmp_path, is_linux=True) == "no such camera"
    for name in ("video2", "video10", "video3"):
        (tmp_path / name).touch()
    assert _why_no_camera(0, folder=tmp_path, is_linux=True) == (
        "no such camera; there is webcam:2, webcam:3, webcam:10"
    )
    assert _why_no_camera(3, folder=tmp_path, is_linux=True).startswith("another program has this camera")
    assert "another program" in _why_no_camera(0, folder=tmp_path, is_linux=False)


def test_none_gives_no_pictures_and_ends_when_it_is_told_to() -> None:
    source, stop, waited = open_source("none"), threading.Event(), threading.Event()

    def work() -> None:
        source.read(pytest.fail, stop)
        waited.set()

    thread = threading.Thread(target=work)
    thread.start()
    stop.set()
    thread.join(timeout=30)
    assert waited.is_set()
    assert source.is_live
    assert source.label == "no camera"
