"""Stage 1, sources: webcam, file, stream or screen, named by a text, as frames for the capture thread."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from codec.errors import MediaError
from codec.input.names import Name, named_input
from codec.input.video import open_video
from codec.units import Image
from sender.capture import Frames, Picture, ThreadSource
from sender.errors import SourceError

__all__ = ["NoPictures", "open_source"]

_SILENT = 0  # cv::utils::logging::LOG_LEVEL_SILENT


def open_source(text: str, *, loop: bool = False, follow: bool = False, stream: int | None = None) -> ThreadSource:
    """The source that `text` names: `webcam:0`, a FILE, `-`, `rtsp://…`, `http(s)://…`, `screen:`, `screen:WxH+X+Y`.

    `none` gives no pictures. With `follow` it may name what to read next: playlists, and redirects of http. `stream` is
    one of a file's several.

    Raises SourceError for a text that makes no sense and for a file that is no video; cameras, streams, pipes and
    screens are not opened before they are read.
    """
    if text == "none":
        return NoPictures()
    scheme, colon, rest = text.partition(":")
    if scheme == "webcam" and colon:
        if not rest.isdecimal():
            raise SourceError(f"{text}: expected webcam:NUMBER, for example webcam:0")
        return ThreadSource(text, lambda: _webcam_frames(int(rest), text), paced=False)
    if scheme == "screen" and colon:
        options = _screen_options(rest, text)
        return ThreadSource(text, lambda: _screen_frames(options, text), paced=False)
    camera = _camera_number(text)
    if camera is not None:
        return ThreadSource(text, lambda: _webcam_frames(camera, text), paced=False)
    with _as_source_error():
        name = named_input(text, follow=follow)
        if name.is_stream:
            return ThreadSource(name.label, lambda: _video_frames(name, stream), paced=False)
        if name.is_pipe:
            if loop:
                raise SourceError(f"{name.label}: a pipe cannot be read again: --loop needs a file")
            return ThreadSource(name.label, lambda: _video_frames(name, stream), paced=True, waits=True)
        with open_video(name, stream=stream):
            pass
    return ThreadSource(name.label, lambda: _video_frames(name, stream), paced=True, loop=loop)


class NoPictures(ThreadSource):
    """What gives none, until it is told to stop: for sound alone."""

    def __init__(self) -> None:
        super().__init__("no camera", lambda: iter(()), paced=False)

    def read(self, deliver: Callable[[Picture], None], stop: threading.Event) -> None:
        """Waits."""
        stop.wait()


def _camera_number(text: str) -> int | None:
    """Of a camera's device node on Linux, or a link to one (/dev/v4l/by-id/...)."""
    try:
        found = re.fullmatch(r"/dev/video(\d+)", os.path.realpath(text))
    except ValueError:  # no name of a file
        return None
    return None if found is None else int(found[1])


@contextmanager
def _as_source_error() -> Iterator[None]:
    try:
        yield
    except MediaError as error:
        raise SourceError(str(error)) from error


def _video_frames(name: Name, stream: int | None, container_format: str | None = None) -> Frames:
    with _as_source_error(), open_video(name, stream=stream, container_format=container_format) as video:
        yield from video.frames()


def _webcam_frames(number: int, label: str) -> Frames:
    """Frames of a camera, through OpenCV: its wheels carry the camera interfaces of each system, PyAV's do not."""
    with _quiet():
        camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise SourceError(f"{label}: {_why_no_camera(number)}")
        while True:
            ok, image_bgr = camera.read()
            if not ok:
                raise SourceError(f"{label}: the camera gives no pictures any more")
            yield partial(_from_bgr, image_bgr), None
    finally:
        camera.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV tries one way to a camera after another, and tells of each that fails in several lines."""
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _why_no_camera(number: int, *, folder: Path = Path("/dev"), is_linux: bool = sys.platform == "linux") -> str:
    """What is known of a camera that does not open."""
    node = folder / f"video{number}"
    if not is_linux:
        return "no such camera, or another program has it"
    if not node.exists():
        others = sorted(int(path.name[5:]) for path in folder.glob("video*") if path.name[5:].isdecimal())
        return "no such camera" + (f"; there is {', '.join(f'webcam:{n}' for n in others)}" if others else "")
    if not os.access(node, os.R_OK | os.W_OK):
        return f"{node} may not be read by this user"
    return "another program has this camera, or it gives no pictures"


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
    yield from _video_frames(Name(label, display, options, is_stream=True), None, "x11grab")
