"""Stage 1, sources: webcam, file, stream or screen, named by a text, as frames for the capture thread."""

import os
import re
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np

from codec.pictures.inputs import allowed, local_name
from codec.pictures.video import rgb_of
from codec.units import PTS_PER_S, Image
from sender.capture import Frames, ThreadSource
from sender.errors import SourceError

__all__ = ["open_source"]

_OPEN_TIMEOUT_S = 5.0


def open_source(text: str, *, loop: bool = False, follow: bool = False) -> ThreadSource:
    """The source that `text` names: `webcam:0`, a FILE, `rtsp://…`, `http(s)://…`, `screen:` or `screen:WxH+X+Y`.

    With `follow` it may name what to read next: playlists, and redirects of http.

    Raises SourceError for a text that makes no sense and for a file that is no video; cameras, streams and screens are
    not opened before they are read.
    """
    scheme, colon, rest = text.partition(":")
    if scheme == "webcam" and colon:
        if not rest.isdecimal():
            raise SourceError(f"{text}: expected webcam:NUMBER, for example webcam:0")
        return ThreadSource(text, lambda: _webcam_frames(int(rest), text), paced=False)
    if scheme == "screen" and colon:
        options = _screen_options(rest, text)
        return ThreadSource(text, lambda: _screen_frames(options, text), paced=False)
    if re.match(r"(rtsps?|https?|rtmp|udp|srt)://", text):
        return ThreadSource(_without_login(text), lambda: _stream_frames(text, follow=follow), paced=False)
    path = Path(text)
    if not path.is_file():
        raise SourceError(f"{text}: no such file")
    name, options = local_name(path), allowed("file:", nested=follow)
    _opened(name, text, options).close()
    return ThreadSource(text, lambda: _container_frames(name, text, options), paced=True, loop=loop)


def _without_login(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


def _stream_frames(url: str, *, follow: bool) -> Frames:
    transport = {"rtsp_transport": "tcp"} if url.startswith("rtsp") else {}
    return _container_frames(url, _without_login(url), transport | allowed(url, nested=follow))


def _container_frames(url: str, label: str, options: dict[str, str], container_format: str | None = None) -> Frames:
    """Frames of whatever PyAV opens; a damaged picture inside is skipped. Raises SourceError."""
    with _opened(url, label, options, container_format) as container:
        stream: Any = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            for packet in container.demux(stream):
                for frame in _decoded(packet):
                    yield partial(rgb_of, frame), _pts_90k(frame)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{label}: broke off ({_reason(error)})") from None


def _opened(url: str, label: str, options: dict[str, str], container_format: str | None = None) -> Any:
    """A container with video in it. Raises SourceError."""
    try:
        container = av.open(url, format=container_format, options=options, timeout=_OPEN_TIMEOUT_S)
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{label}: cannot be opened as video ({_reason(error)})") from None
    if not container.streams.video:
        container.close()
        raise SourceError(f"{label}: no video in it")
    return container


def _decoded(packet: Any) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        return []


def _pts_90k(frame: av.VideoFrame) -> int | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return int(frame.pts * Fraction(frame.time_base) * PTS_PER_S)


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ArgumentError):  # FFmpeg's word for a format or protocol that is not on the list
        return "a format that is not read, or a playlist: --follow reads those"
    return str(getattr(error, "strerror", None) or error).splitlines()[0]


def _webcam_frames(number: int, label: str) -> Frames:
    """Frames of a camera, through OpenCV: its wheels carry the camera interfaces of each system, PyAV's do not."""
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise SourceError(f"{label}: no such camera, or another program has it")
        while True:
            ok, image_bgr = camera.read()
            if not ok:
                raise SourceError(f"{label}: the camera gives no pictures any more")
            yield partial(_from_bgr, image_bgr), None
    finally:
        camera.release()


def _from_bgr(image_bgr: Any) -> Image:
    return np.ascontiguousarray(image_bgr[:, :, ::-1], dtype=np.uint8)


def _screen_options(rest: str, label: str) -> dict[str, str]:
    """x11grab's options for `""` (the whole screen) or `WxH+X+Y`. Raises SourceError on another form."""
    options = {"framerate": "25", "draw_mouse": "0"}
    if not rest:
        return options
    found = re.fullmatch(r"(\d+)x(\d+)(?:\+(\d+)\+(\d+))?", rest)
    if found is None or not int(found[1]) or not int(found[2]):
        raise SourceError(f"{label}: expected screen: or screen:WIDTHxHEIGHT+X+Y")
    return {
        **options,
        "video_size": f"{found[1]}x{found[2]}",
        "grab_x": found[3] or "0",
        "grab_y": found[4] or "0",
    }


def _screen_frames(options: dict[str, str], label: str) -> Frames:
    """Frames of an X display."""
    display = os.environ.get("DISPLAY")
    if not display:
        raise SourceError(f"{label}: no DISPLAY to capture (only X11 screens can be)")
    if "x11grab" not in av.formats_available:
        raise SourceError(f"{label}: this build of PyAV cannot capture screens")
    yield from _container_frames(display, label, options, "x11grab")
