"""Stage 10, display: a window, a file, or nothing; each in its own thread, so that no picture waits for a disk."""

import os
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from codec.errors import MediaError
from codec.pictures.video import RECONSTRUCTED, VideoWriter
from codec.units import Image
from receiver.errors import DisplayError
from receiver.picture import Picture, Waiting, fit
from receiver.videofile import VideoFile
from receiver.window import OPEN, packed
from signaling.printable import reason_of
from signaling.transport.costs import KINDS, Kind

__all__ = ["FileOutput", "NullOutput", "Output", "Recorder", "WindowOutput", "open_output"]

LABELS: dict[Kind, str] = {"keypoints": "reconstructed", "h264": "H.264"}
HINT = "use --output FILE.mp4 or --output null"
WINDOW_PROGRAM = Path(__file__).with_name("window.py")
OPENS_WITHIN_S = 30.0
CLOSES_WITHIN_S = 10.0  # then what still waits is given up, and the program ends all the same

Ended = Callable[[Exception | None], None]


class Output(Protocol):
    """Where pictures go. `show` never waits."""

    def show(self, picture: Picture) -> None:
        """Takes a picture; the oldest that waits gives way when there are too many."""

    def close(self) -> None:
        """Handles what still waits, then closes. Raises DisplayError if the pictures did not arrive."""


class NullOutput:
    """Nowhere: the call is decoded and metered, and that is all."""

    def show(self, picture: Picture) -> None:
        pass

    def close(self) -> None:
        pass


class _Pictures(ABC):
    """A bounded queue with one thread at its end; the subclass says what happens to a picture.

    `what` names the place where the pictures go, for people.
    """

    def __init__(self, *, name: str, what: str, capacity: int, ended: Ended) -> None:
        self._what = what
        self._ready = threading.Condition()
        self._waiting = Waiting(capacity)
        self._closing = False
        self._ended = ended
        self._error: Exception | None = None
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def show(self, picture: Picture) -> None:
        with self._ready:
            self.dropped += self._waiting.append(picture)
            self._ready.notify()

    def close(self) -> None:
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join(CLOSES_WITHIN_S)
        if self._thread.is_alive():
            self._abandon()
            raise DisplayError(f"{self._what}: hangs, given up after {CLOSES_WITHIN_S:g} s; its end may be missing")
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            try:
                while self._step():
                    pass
            finally:
                self._finish()
        except (DisplayError, MediaError) as error:
            self._error = DisplayError(str(error))
        except Exception as error:  # whatever it is, pictures are lost: the thread must not vanish with it
            self._error = DisplayError(f"{self._what}: failed: {type(error).__name__}: {reason_of(error)}")
        self._ended(self._error)

    def _step(self) -> bool:
        picture = self._next(timeout=None)
        if picture is not None:
            self._handle(picture)
        return picture is not None

    def _next(self, *, timeout: float | None) -> Picture | None:
        """The oldest waiting picture; None when closing with nothing left, or when the time is out."""
        with self._ready:
            self._ready.wait_for(lambda: len(self._waiting) > 0 or self._closing, timeout)
            return self._waiting.popleft() if self._waiting else None

    @abstractmethod
    def _handle(self, picture: Picture) -> None:
        """Shows or writes one picture, in the thread."""

    @abstractmethod
    def _finish(self) -> None:
        """Closes what the thread opened, also after an error."""

    def _abandon(self) -> None:  # noqa: B027 -- most have nothing to give up
        """Gives up a thread that hangs, from another one."""


class FileOutput(_Pictures):
    """FILE.mp4 with the times at which the pictures were shown."""

    def __init__(self, path: Path, *, ended: Ended) -> None:
        _check_writable(path)
        self._file = VideoFile(path)
        super().__init__(name="facewire-file", what=str(path), capacity=64, ended=ended)

    @property
    def pictures(self) -> int:
        """Pictures written so far."""
        return self._file.pictures

    def _handle(self, picture: Picture) -> None:
        self._file.write(picture.rgb(), pts=picture.shown_us * 9 // 100)

    def _finish(self) -> None:
        self._file.close()


class Recorder(_Pictures):
    """Both codecs' pictures, lossless, with the sender's time stamps: DIR/keypoints.mkv and DIR/h264.mkv."""

    def __init__(self, folder: Path, *, size: int, ended: Ended) -> None:
        _check_writable(folder / "keypoints.mkv")
        self._size = size
        self._files = {kind: VideoWriter(folder / f"{kind}.mkv", comment=f"{kind}. {RECONSTRUCTED}") for kind in KINDS}
        self._last: dict[Kind, int] = dict.fromkeys(KINDS, -1)
        super().__init__(name="facewire-record", what=str(folder), capacity=128, ended=ended)

    def _handle(self, picture: Picture) -> None:
        if picture.pts > self._last[picture.kind]:  # a sender that starts over has another time line
            self._last[picture.kind] = picture.pts
            image_rgb = fit(picture.rgb(), width=self._size, height=self._size)
            self._files[picture.kind].write(image_rgb, pts=picture.pts)

    def _finish(self) -> None:
        with ExitStack() as stack:  # one that cannot be finished holds up no other
            for file in self._files.values():
                stack.callback(file.close)


class WindowOutput(_Pictures):
    """A window whose title and pictures say what is shown. Closing it, q or Escape ends the receiver.

    The window itself is a process, see receiver.window. Raises DisplayError where no window can be opened.
    """

    def __init__(self, *, size: int, ended: Ended) -> None:
        _check_display()
        self._window = _open_window(2 * size)
        super().__init__(name="facewire-window", what="the window", capacity=2, ended=ended)

    def _step(self) -> bool:
        picture = self._next(timeout=0.05)
        if picture is not None:
            self._handle(picture)
        return not self._closing and self._window.poll() is None

    def _handle(self, picture: Picture) -> None:
        assert self._window.stdin is not None
        with suppress(BrokenPipeError):  # it has just been closed
            self._window.stdin.write(packed(labelled(picture.rgb(), LABELS[picture.kind]), LABELS[picture.kind]))
            self._window.stdin.flush()

    def _finish(self) -> None:
        assert self._window.stdin is not None
        with suppress(BrokenPipeError):
            self._window.stdin.close()
        if self._window.wait() != 0:
            raise DisplayError("the window broke off: its display is gone, or it was killed")

    def _abandon(self) -> None:
        self._window.kill()


def labelled(image_rgb: Image, text: str) -> Image:
    """A copy of the picture with a small label in its lower left corner."""
    image = np.ascontiguousarray(image_rgb).copy()
    scale = max(0.35, image.shape[0] / 800)
    place = (round(8 * scale) + 2, image.shape[0] - round(10 * scale) - 2)
    for colour, thickness in (((0, 0, 0), 3), ((235, 235, 235), 1)):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
    return image


def _check_writable(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
        if path.stat().st_size == 0:
            path.unlink()
    except OSError as error:
        raise DisplayError(f"{path}: cannot write: {error.strerror}") from None


def _check_display() -> None:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DisplayError(f"no display to open a window on (DISPLAY is not set): {HINT}")
    if find_spec("pygame") is None:
        raise DisplayError(f"the window needs pygame: pip install pygame-ce, or {HINT}")


def _open_window(size: int) -> "subprocess.Popen[bytes]":
    """The window's program, once the window is there. Raises DisplayError."""
    window = subprocess.Popen(
        [sys.executable, "-P", str(WINDOW_PROGRAM), str(size)],  # -P: modules beside it have names that others have
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us: we close it, in order
    )
    assert window.stdin is not None
    assert window.stdout is not None
    overdue = threading.Event()

    def give_up() -> None:
        overdue.set()
        window.kill()

    late = threading.Timer(OPENS_WITHIN_S, give_up)
    late.start()
    with window.stdout:
        is_open = window.stdout.readline() == OPEN
    late.cancel()
    if not is_open:
        window.kill()
        window.stdin.close()
        window.wait()
        problem = "opening a window takes too long" if overdue.is_set() else "no window can be opened on this display"
        raise DisplayError(f"{problem}: {HINT}")
    return window


def open_output(name: str, *, size: int, ended: Ended) -> Output:
    """The output that `--output` names. `ended` is called from another thread when it stops by itself or is closed.

    Raises DisplayError.
    """
    if name == "null":
        return NullOutput()
    if name == "window":
        return WindowOutput(size=size, ended=ended)
    return FileOutput(Path(name), ended=ended)
