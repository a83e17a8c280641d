"""Tests of what an input may reach: no other file, host or port than it names, unless that is asked for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from codec.errors import MediaError
from codec.input.reach import _FORMATS, NESTING, allowed
from codec.input.video import read_video
from sender.capture import Picture, ThreadSource
from sender.errors import SourceError
from sender.sources import open_source

FRAMES = 10


def read(source: ThreadSource) -> list[Picture]:
    pictures: list[Picture] = []
    source.read(pictures.append, threading.Event())
    return pictures


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A video that nobody asked for."""
    path = tmp_path / "private.ts"
    with av.open(path, "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(FRAMES):
            image = np.full((48, 64, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def playlist(name: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n"


def naming(folder: Path, private: Path) -> Iterator[Path]:
    """Files that name another one."""
    texts = {
        "a.m3u8": playlist(str(private)),
        "b.mp4": playlist(private.name),  # under another name too
        "c.ffconcat": f"ffconcat version 1.0\nfile {private.name}\n",
        "d.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "e.mpd": f"""<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
            mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp2t"><Representation id="1"
            bandwidth="1"><BaseURL>{private}</BaseURL></Representation></AdaptationSet></Period></MPD>""",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        yield folder / name


def test_no_file_opens_another(tmp_path: Path, private: Path) -> None:
    for path in naming(tmp_path, private):
        with pytest.raises(SourceError, match=r"(--follow reads those|Invalid data)"):
            open_source(str(path))
        with pytest.raises(MediaError):
            next(read_video(path))
    assert len(read(open_source(str(private)))) == FRAMES


def test_a_local_playlist_is_followed_where_that_is_asked_for(tmp_path: Path, private: Path) -> None:
    followed, *_ = naming(tmp_path, private)
    assert len(read(open_source(str(followed), follow=True))) == FRAMES


@pytest.mark.parametrize("name", ["a:b.mkv", "concat:x|y", "http:x.mkv", "data:x.mkv"])
def test_a_name_that_looks_like_a_protocol_is_a_file(
    tmp_path: Path, clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    clip().rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(open_source(name))) == 5


@pytest.mark.parametrize("name", ["a%d.png", "a*.png"])
def test_a_name_that_looks_like_a_sequence_is_one_picture(tmp_path: Path, name: str) -> None:
    for number, shade in ((1, 250), (2, 250)):
        cv2.imwrite(str(tmp_path / f"a{number}.png"), np.full((32, 32, 3), shade, np.uint8))
    cv2.imwrite(str(tmp_path / "x.png"), np.full((32, 32, 3), 90, np.uint8))
    (tmp_path / "x.png").rename(tmp_path / name)
    (picture,) = read(open_source(str(tmp_path / name)))
    assert picture.image_rgb.mean() == 90


@contextmanager
def serving(answers: dict[str, tuple[int, dict[str, str], bytes]]) -> Iterator[tuple[int, list[str]]]:
    """A web server on loopback: its port, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            code, headers, body = answers[self.path]
            self.send_response(code)
            for header, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("path", ["/list", "/redirect"])
def test_a_stream_reaches_no_other_port_unless_that_is_asked_for(private: Path, path: str) -> None:
    with serving({"/x.ts": (200, {}, private.read_bytes())}) as (inner, asked):
        target = f"http://127.0.0.1:{inner}/x.ts"
        answers = {
            "/list": (200, {"Content-Type": "application/vnd.apple.mpegurl"}, playlist(target).encode()),
            "/redirect": (302, {"Location": target}, b""),
        }
        with serving(answers) as (outer, _):
            url = f"http://127.0.0.1:{outer}{path}"
            with pytest.raises(SourceError, match="cannot be opened as video"):
                read(open_source(url))
            assert asked == []
            assert len(read(open_source(url, follow=True))) == FRAMES
            assert set(asked) == {"/x.ts"}


def test_a_stream_never_leads_to_a_file(private: Path) -> None:
    with serving({"/list": (200, {}, playlist(f"file://{private}").encode())}) as (port, _):
        for follow in (False, True):
            with pytest.raises(SourceError):
                read(open_source(f"http://127.0.0.1:{port}/list", follow=follow))


def test_a_stream_is_read(private: Path) -> None:
    with serving({"/x.ts": (200, {}, private.read_bytes())}) as (port, _):
        assert len(read(open_source(f"http://127.0.0.1:{port}/x.ts"))) == FRAMES


def test_the_lists_name_what_there_is_and_do_not_overlap() -> None:
    assert set(_FORMATS.split(",")) <= av.formats_available
    for scheme in ("file", "http", "https", "rtsp", "rtsps", "rtmp", "udp", "srt"):
        formats = allowed(f"{scheme}://x")["format_whitelist"].split(",")
        assert not set(formats) & set(NESTING)
        protocols = allowed(f"{scheme}://x", nested=True)["protocol_whitelist"].split(",")
        assert ("file" in protocols) == (scheme == "file")
