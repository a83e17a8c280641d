"""Stage 10, display: the window's end in this process, and which output a name stands for."""

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from codec.units import Image
from receiver.errors import DisplayError
from receiver.outputs.camera import CameraOutput
from receiver.outputs.files import FileOutput
from receiver.outputs.output import Ended, NullOutput, Output, Pictures
from receiver.outputs.output_names import CAMERA
from receiver.outputs.overlay import Status
from receiver.outputs.window import OPEN, packed, packed_own, packed_words
from receiver.picture import Picture
from signaling.transport.costs import Kind

__all__ = ["WindowOutput", "open_output"]

LABELS: dict[Kind, str] = {"keypoints": "reconstructed", "h264": "H.264"}
HINT = "use --output FILE.mp4 or --output null"
WINDOW_PROGRAM = Path(__file__).with_name("window.py")
OPENS_WITHIN_S = 30.0
OWN_WIDTH = 320  # pixels of your own picture

Pressed = Callable[[str], None]


class WindowOutput(Pictures):
    """A window whose title and pictures say what is shown. Closing it, q or Escape ends the receiver.

    `pressed` is told, in another thread, what keys ask for (`ASKED` of receiver.outputs.window, the process that the
    window itself is). Raises DisplayError where no window can be opened.
    """

    def __init__(self, *, size: int, ended: Ended, pressed: Pressed = lambda name: None) -> None:
        _check_display()
        self._window = _open_window(size)
        self._own: deque[Image | None] = deque(maxlen=1)
        self._words: deque[Status] = deque(maxlen=1)
        self._pressed = pressed
        super().__init__(name="facewire-window", what="the window", capacity=2, ended=ended)
        threading.Thread(target=self._listen, name="facewire-keys", daemon=True).start()

    def show_own(self, image_rgb: Image | None) -> None:
        self._own.append(image_rgb)

    def tell(self, status: Status) -> None:
        self._words.append(status)

    def _listen(self) -> None:
        assert self._window.stdout is not None
        with self._window.stdout as lines:
            for line in lines:
                self._pressed(line.decode("ascii", "replace").strip())

    def _step(self) -> bool:
        picture = self._next(timeout=0.05)
        if self._words:
            self._send(packed_words(self._words.popleft().words()))
        if self._own:
            own = self._own.popleft()
            self._send(packed_own(None if own is None else _mirrored(own)))
        if picture is not None:
            self._handle(picture)
        return not self._closing and self._window.poll() is None

    def _handle(self, picture: Picture) -> None:
        self._send(packed(picture.rgb(), LABELS[picture.kind]))

    def _send(self, message: bytes) -> None:
        assert self._window.stdin is not None
        with suppress(BrokenPipeError):  # it has just been closed
            self._window.stdin.write(message)
            self._window.stdin.flush()

    def _finish(self) -> None:
        assert self._window.stdin is not None
        with suppress(BrokenPipeError):
            self._window.stdin.close()
        if self._window.wait() != 0:
            raise DisplayError("the window broke off: its display is gone, or it was killed")

    def _abandon(self) -> None:
        self._window.kill()


def _mirrored(image_rgb: Image) -> Image:
    """Your own picture as a mirror shows it, no larger than the corner of a window needs."""
    height = max(1, round(image_rgb.shape[0] * OWN_WIDTH / image_rgb.shape[1]))
    mirrored = np.ascontiguousarray(image_rgb[:, ::-1])
    return np.asarray(cv2.resize(mirrored, (OWN_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)


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
    is_open = window.stdout.readline() == OPEN
    late.cancel()
    if not is_open:
        window.kill()
        window.stdout.close()
        window.stdin.close()
        window.wait()
        problem = "opening a window takes too long" if overdue.is_set() else "no window can be opened on this display"
        raise DisplayError(f"{problem}: {HINT}")
    return window


def open_output(
    name: str, *, size: int, sound: bool = False, ended: Ended, pressed: Pressed = lambda name: None
) -> Output:
    """The output that `--output` names; `sound` says whether the call has any.

    `ended` is called from another thread when it stops by itself or is closed, and `pressed` with what keys ask for.

    Raises DisplayError.
    """
    if name == "null":
        return NullOutput()
    if name == "window":
        return WindowOutput(size=size, ended=ended, pressed=pressed)
    if name == CAMERA or name.startswith(f"{CAMERA}:"):
        return CameraOutput(size=size, device=name[len(CAMERA) + 1 :], ended=ended)
    return FileOutput(Path(name), sound=sound, ended=ended)
