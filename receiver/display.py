"""Stage 10, display: the window's end in this process, and which output a name stands for."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from codec.units import Image
from receiver.errors import DisplayError
from receiver.files import FileOutput
from receiver.output import Ended, NullOutput, Output, Pictures
from receiver.picture import Picture
from receiver.window import OPEN, packed
from signaling.transport.costs import Kind

__all__ = ["WindowOutput", "open_output"]

LABELS: dict[Kind, str] = {"keypoints": "reconstructed", "h264": "H.264"}
HINT = "use --output FILE.mp4 or --output null"
WINDOW_PROGRAM = Path(__file__).with_name("window.py")
OPENS_WITHIN_S = 30.0


class WindowOutput(Pictures):
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


def open_output(name: str, *, size: int, sound: bool = False, ended: Ended) -> Output:
    """The output that `--output` names; `sound` says whether the call has any.

    `ended` is called from another thread when it stops by itself or is closed.

    Raises DisplayError.
    """
    if name == "null":
        return NullOutput()
    if name == "window":
        return WindowOutput(size=size, ended=ended)
    return FileOutput(Path(name), sound=sound, ended=ended)
