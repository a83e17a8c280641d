"""Stage 1, input, names: what a text names: a file, a pipe, or a stream of the network; and what stands in the way."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from codec.errors import MediaError
from codec.input.reach import SCHEMES, allowed, local_name

__all__ = ["STDIN", "Name", "named_input"]

STDIN = "-"
_V4L_MAJOR = 81  # of the device nodes of Linux's cameras


@dataclass(frozen=True, slots=True)
class Name:
    """Where pictures come from: `label` is for people, without a password; the rest is for FFmpeg.

    A pipe (standard input, a FIFO, a device) can be read once, and `path` is None for standard input.
    """

    label: str
    url: str
    options: dict[str, str]
    path: Path | None = None
    is_pipe: bool = False
    is_stream: bool = False  # of the network, live


def named_input(source: str | Path, *, follow: bool = False) -> Name:
    """What `source` names; a Path is always something local. Nothing is opened.

    `-` is standard input, `SCHEME://...` a stream, in letters of either case; everything else, `file://` with or
    without, a path, whatever it looks like. With `follow` it may name what to read next: playlists, redirects of http.

    Raises MediaError for what is not there, may not be read, is a folder or a camera.
    """
    if isinstance(source, str):
        if source == STDIN:
            return Name("standard input", "pipe:0", allowed("pipe:", nested=follow), is_pipe=True)
        scheme, separator, rest = source.partition("://")
        if separator and scheme.lower() in SCHEMES:
            return _stream(f"{scheme.lower()}://{rest}", follow=follow)
        if separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) and not Path(source).exists():
            source = _path_of(source, scheme.lower())
    return _local(Path(source), str(source), follow=follow)


def _stream(url: str, *, follow: bool) -> Name:
    transport = {"rtsp_transport": "tcp"} if url.startswith("rtsp") else {}
    label = re.sub(r"//[^/@]*@", "//", url)
    return Name(label, url, transport | allowed(url, nested=follow), is_stream=True)


def _path_of(url: str, scheme: str) -> str:
    """The path of a `file://` URL (RFC 8089). Raises MediaError for other schemes and other hosts."""
    if scheme != "file":
        raise MediaError(f"{url}: no such file, and streams are read from {', '.join(SCHEMES)}")
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise MediaError(f"{url}: a file on another machine; file:///PATH names one here")
    return unquote(url.partition("://")[2].removeprefix(parts.netloc))


def _local(path: Path, label: str, *, follow: bool) -> Name:
    try:
        if not label:
            raise FileNotFoundError
        status = path.stat()
    except FileNotFoundError as error:
        raise MediaError(f"{label}: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise MediaError(f"{label}: {getattr(error, 'strerror', None) or error}") from error
    kind = status.st_mode
    if stat.S_ISDIR(kind):
        raise MediaError(f"{label}: a folder, not a video")
    if stat.S_ISCHR(kind) and os.major(status.st_rdev) == _V4L_MAJOR:
        raise MediaError(f"{label}: a camera, which only the sender reads")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{label}: Permission denied")
    is_pipe = stat.S_ISFIFO(kind) or stat.S_ISCHR(kind) or stat.S_ISSOCK(kind)
    options = allowed("file:", nested=follow)
    return Name(label, local_name(path), options, path, is_pipe=is_pipe)
