"""What an input may be called, for the codec and the sender; pipes are read by real processes."""

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.errors import MediaError
from codec.input.names import named_input
from codec.input.video import read_video
from codec.pictures.video import VideoWriter
from sender.capture import Picture
from sender.errors import SourceError
from sender.sources import open_source

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clip(make: Callable[..., Path], picture: Any) -> Path:
    """Five pictures in a Matroska file, which can be read from a pipe."""
    return make("clip.mkv", [picture(64, 64, 8 * shift) for shift in range(5)], options={"bf": "0"})


def sender_reads(name: str) -> list[Picture]:
    pictures: list[Picture] = []
    open_source(name).read(pictures.append, threading.Event())
    return pictures


@pytest.mark.parametrize(
    "name",
    ["a:b.mkv", "rtsp:x.mkv", "a b%20c.mkv", "x.MKV", "-x.mkv", "http:x?y=1.mkv", "ü#1.mkv", "a%d.mkv", "file:x.mkv"],
)
def test_a_relative_path_of_any_letters(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    clip.rename(name)
    assert len(list(read_video(name))) == len(list(read_video(Path(name)))) == len(sender_reads(name)) == 5
    with VideoWriter(Path(f"out {name}"), comment="x") as writer:
        for image, pts in read_video(name):
            writer.write(image, pts=pts)
    assert len(list(read_video(f"out {name}"))) == 5


def test_a_file_url(clip: Path) -> None:
    named = clip.rename(clip.with_name("a b#c.MP4"))  # it is Matroska: what a file is called does not matter
    for url in (f"file://{named}", named.as_uri(), f"file://localhost{named.as_uri()[7:]}", f"FILE://{named}"):
        assert len(list(read_video(url))) == 5
        assert len(sender_reads(url)) == 5
    with pytest.raises(MediaError, match="a file on another machine"):
        named_input("file://elsewhere/a.mkv")


@pytest.mark.parametrize("scheme", ["rtsp", "RTSP", "Http", "HTTPS", "Rtmp", "SRT", "udp"])
def test_a_stream_is_named_in_letters_of_either_case(scheme: str) -> None:
    name = named_input(f"{scheme}://user:secret@Host:1/Path")
    assert name.is_stream
    assert name.url == f"{scheme.lower()}://user:secret@Host:1/Path"
    assert "secret" not in name.label
    assert not open_source(f"{scheme}://user:secret@Host:1/Path").label.count("secret")


def test_no_such_file_is_said_where_there_is_none_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "file").write_bytes(b"text")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        messages = {
            "absent.mp4": "no such file$",
            "gone": "no such file$",
            "absent/a.mp4": "no such file$",
            ".": "a folder, not a video",
            "loop": "Too many levels of symbolic links",
            "file/a.mp4": "Not a directory",
            "x" * 300: "File name too long",
            "a\0b": "embedded null byte",
            "socket": "No such device or address",
            "file": "Invalid data found",
        }
        for name, message in messages.items():
            for read in (lambda path: list(read_video(path)), sender_reads):
                with pytest.raises((MediaError, SourceError), match=message):
                    read(str(tmp_path / name))
    with pytest.raises(MediaError, match="no such file, and streams are read from http, https, rtsp"):
        named_input("gopher://host/a.mkv")
    with pytest.raises(MediaError, match="no such file"):
        named_input("")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(clip: Path) -> None:
    clip.chmod(0)
    with pytest.raises(MediaError, match="Permission denied"):
        named_input(clip)


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero"])
def test_devices_that_are_no_video(name: str) -> None:
    for read in (lambda path: list(read_video(path)), sender_reads):
        with pytest.raises((MediaError, SourceError), match=rf"{name}: .*Invalid data|{name}: cannot be opened"):
            read(name)


def test_a_camera_is_read_by_the_sender_alone(tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to("/dev/video987")
    with pytest.raises(SourceError, match="by-id: no such camera"):
        sender_reads(str(link))
    node = tmp_path / "video"
    try:
        os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(81, 987))
    except PermissionError:
        pytest.skip("only root makes device nodes")
    with pytest.raises(MediaError, match="a camera, which only the sender reads"):
        named_input(node)


def fifo(tmp_path: Path, data: bytes) -> Path:
    """A FIFO that somebody writes `data` into, once."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    threading.Thread(target=lambda: path.write_bytes(data), daemon=True).start()
    return path


def test_a_fifo_is_read_once_and_only_when_it_is_read(clip: Path, tmp_path: Path) -> None:
    data = clip.read_bytes()
    path = fifo(tmp_path, data)
    assert len(list(read_video(path))) == 5
    path.unlink()
    assert len(sender_reads(str(fifo(tmp_path, data)))) == 5
    with pytest.raises(SourceError, match="cannot be read again: --loop needs a file"):
        open_source(str(path), loop=True)


def test_a_file_cannot_be_overwritten_by_what_is_made_of_it_through_its_url(clip: Path) -> None:
    before = clip.read_bytes()
    done = codec("encode", f"file://{clip}", str(clip))
    assert done.returncode == 2
    assert b"input and output are one file" in done.stderr
    assert clip.read_bytes() == before


def codec(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "codec", *arguments]
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run(command, stderr=subprocess.PIPE, cwd=ROOT, check=False, timeout=300, **options)


def test_encode_reads_a_pipe_and_decode_writes_one(clip: Path, tmp_path: Path) -> None:
    from_file, from_pipe, from_stdin = (tmp_path / name for name in ("a.fw", "b.fw", "c.fw"))
    assert codec("encode", str(clip), str(from_file)).returncode == 0
    done = codec("encode", "-", str(from_pipe), input=clip.read_bytes())
    assert done.returncode == 0, done.stderr
    with clip.open("rb") as file:
        assert codec("encode", "-", str(from_stdin), stdin=file).returncode == 0
    assert from_file.read_bytes() == from_pipe.read_bytes() == from_stdin.read_bytes()

    assert codec("decode", str(from_file), str(tmp_path / "a.mkv")).returncode == 0
    done = codec("decode", str(from_file), "-")
    assert done.returncode == 0
    assert done.stderr == b"standard output: 5 frames\n"
    (tmp_path / "b.mkv").write_bytes(done.stdout)
    expected, piped = (list(read_video(tmp_path / name)) for name in ("a.mkv", "b.mkv"))
    assert [pts for _, pts in piped] == [pts for _, pts in expected]
    assert all((one == other).all() for (one, _), (other, _) in zip(piped, expected, strict=True))


def test_a_pipe_that_nobody_reads_ends_decode_without_a_word(clip: Path, tmp_path: Path) -> None:
    assert codec("encode", str(clip), str(tmp_path / "a.fw")).returncode == 0
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = codec("decode", str(tmp_path / "a.fw"), "-", stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_pipes_that_hold_no_video_are_one_line(make: Callable[..., Path], tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (12, 256, 256, 3), np.uint8)
    mp4 = make("a.mp4", list(noise), options={"preset": "ultrafast"}).read_bytes()
    assert len(mp4) > 200_000  # more than FFmpeg holds at a time
    for data, message in ((b"", b"Invalid data"), (b"text" * 500, b"Invalid data"), (mp4, b"+faststart")):
        done = codec("encode", "-", str(tmp_path / "a.fw"), input=data)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.startswith(b"facewire-codec: standard input: ")
        assert done.stderr.count(b"\n") == 1
        assert not (tmp_path / "a.fw").exists()


SENDER = """
import asyncio
from sender.capture import Capture
from sender.sources import open_source

async def run():
    capture = asyncio.create_task(Capture(open_source("-")).run())
    await asyncio.to_thread(lambda: open("said").read())
    capture.cancel()

asyncio.run(run())
"""


def test_a_sender_ends_while_it_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "said")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SENDER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"\x1aE\xdf\xa3" + bytes(300_000))
        process.stdin.flush()
        (tmp_path / "said").write_text("enough")
        error = process.stderr.read() if process.stderr else b""
        process.wait(60)
    assert b"Fatal" not in error
    assert b"Traceback" not in error.replace(b"asyncio.exceptions.CancelledError", b"")
    assert process.returncode == 0
