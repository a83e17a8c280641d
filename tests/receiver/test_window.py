"""The window on a real X display: the program opens it beside PyAV, it shows the picture, and each way to end it does.

Xvfb is the display: it keeps its screen in a file, so that what is shown can be read without a program or a library.
"""

import asyncio
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

import receiver.outputs.display
from receiver.outputs.display import open_output
from receiver.outputs.output import Output
from receiver.outputs.overlay import Status
from receiver.picture import Picture
from signaling.server import SignalingServer, listening

MISSING = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} not installed: apt-get install xvfb xdotool"
)

ROOT = Path(__file__).parents[2]
COLOUR, OWN = (200, 40, 90), (30, 150, 60)
PRESSED: list[str] = []  # keys that the window has told of
# Sends WM_DELETE_WINDOW to the window named by argv[1].
CLOSE_BUTTON = """
import ctypes, sys
x = ctypes.CDLL("libX11.so.6")
x.XOpenDisplay.restype = ctypes.c_void_p
x.XInternAtom.restype = ctypes.c_ulong
class Message(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 24)]
display = ctypes.c_void_p(x.XOpenDisplay(None))
atom = lambda name: x.XInternAtom(display, name, 0)
window = int(sys.argv[1])
message = Message(33, 0, 1, display, window, atom(b"WM_PROTOCOLS"), 32, (atom(b"WM_DELETE_WINDOW"), 0, 0, 0, 0))
x.XSendEvent(display, ctypes.c_ulong(window), 0, 0, ctypes.byref(message))
x.XSync(display, 0)
"""


def until(reached: Callable[[], bool]) -> None:
    """Waits for what only looking tells: a process or a screen."""
    deadline, pause = time.monotonic() + 60, threading.Event()
    while not reached():
        assert time.monotonic() < deadline, "never came"
        pause.wait(0.02)


@dataclass(frozen=True)
class Screen:
    """An X display and the file that holds its pixels."""

    display: str
    file: Path

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"} | {
            "DISPLAY": self.display
        }

    def part(self, colour: tuple[int, int, int]) -> float:
        """How much of the screen has a colour."""
        return float((np.abs(self.pixels().astype(int) - colour).max(axis=2) < 3).mean())

    def press(self, *keys: str) -> None:
        """Presses keys, with the pointer in the window."""
        for key in keys:
            self.xdotool("mousemove", "--window", self.window(), "60", "160", "key", key)

    def has_focus(self) -> bool:
        """Whether keys go to the window: with a window manager not before it says so, however long it is there."""
        return self.window() != "" and self.xdotool("getwindowfocus") == self.window()

    def xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def window(self) -> str:
        """The id of the window that is visible, or nothing."""
        return self.xdotool("search", "--onlyvisible", "--class", "^facewire$")

    def close(self, window: str) -> None:
        """As a window manager does when its close button is pressed."""
        subprocess.run([sys.executable, "-c", CLOSE_BUTTON, window], env=self.environment, check=True)

    def pixels(self) -> np.ndarray:
        """uint8 (H, W, 3), of an X Window Dump with 32 bits a pixel."""
        data = self.file.read_bytes()
        header = struct.unpack(">25I", data[:100])
        width, height, stride, colours = header[4], header[5], header[12], header[19]
        start = header[0] + 12 * colours
        rows = np.frombuffer(data, np.uint8, stride * height, start).reshape(height, stride)
        return rows[:, : 4 * width].reshape(height, width, 4)[:, :, 2::-1]

    def shows(self, colour: tuple[int, int, int]) -> bool:
        return int((np.abs(self.pixels().astype(int) - colour).max(axis=2) < 3).sum()) > 10_000


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """A display of its own, with a number that is free."""
    reading, writing = os.pipe()
    arguments = ["-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-fbdir", str(tmp_path)]
    server = subprocess.Popen(["Xvfb", *arguments], pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb does not start"
        yield Screen(f":{number}", tmp_path / "Xvfb_screen0")
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def shown(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Output, threading.Event]]:
    """The output of this process, which has PyAV in it as the program has, with its picture on the screen."""
    assert av.library_versions
    monkeypatch.setenv("DISPLAY", screen.display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    stopped = threading.Event()
    output = open_output("window", size=128, ended=lambda _: stopped.set(), pressed=PRESSED.append)
    picture = Picture("keypoints", 0, 0, np.full((128, 128, 3), COLOUR, np.uint8))

    def is_shown() -> bool:
        output.show(picture)  # again and again, as a call does
        return screen.shows(COLOUR)

    until(is_shown)
    yield output, stopped
    output.close()


def test_the_picture_is_on_the_screen_with_its_label(screen: Screen, shown: tuple[Output, threading.Event]) -> None:
    pixels = screen.pixels()
    light = (pixels > 220).all(axis=2)
    assert light.any(), "no label"
    shown[0].close()
    until(lambda: not screen.shows(COLOUR))


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_key_ends_it(screen: Screen, shown: tuple[Output, threading.Event], key: str) -> None:
    screen.xdotool("mousemove", "--window", screen.window(), "60", "60", "key", key)
    assert shown[1].wait(60)


def test_the_close_button_ends_it(screen: Screen, shown: tuple[Output, threading.Event]) -> None:
    screen.close(screen.window())
    assert shown[1].wait(60)


async def ended_by(program: asyncio.subprocess.Process, screen: Screen, how: str) -> bytes:
    """Ends the program once it waits for a sender, with its window open; what it says after that."""
    assert program.stderr is not None
    said = b""
    while b"waiting for a sender" not in said:
        line = await program.stderr.readline()
        assert line, said.decode()
        said += line
    window = await asyncio.to_thread(screen.window)
    assert window
    if how == "close button":
        await asyncio.to_thread(screen.close, window)
    else:
        program.send_signal(getattr(signal, how))
    return (await program.communicate())[1]


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "close button"])
async def test_the_program_opens_its_window_and_ends(screen: Screen, how: str) -> None:
    async with listening(SignalingServer(token="secret"), host="127.0.0.1", port=0) as url:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "receiver", "--signal", url, "--room", "r", "--token", "secret",
            cwd=ROOT, env=screen.environment, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            rest = await ended_by(program, screen, how)
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
    assert (program.returncode, rest) == (0, b"")
    until(lambda: not screen.window())


def test_ctrl_c_in_the_terminal_reaches_the_program_alone(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", screen.display)
    output = receiver.outputs.display.WindowOutput(size=64, ended=lambda _: None)
    assert os.getsid(output._window.pid) != os.getsid(0)
    output.close()


def test_the_window_loads_nothing_of_ours() -> None:
    program = str(receiver.outputs.display.WINDOW_PROGRAM)
    code = f"import sys, runpy; runpy.run_path({program!r}); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd="/", check=True)
    loaded = {name.split(".")[0] for name in done.stdout.replace("'", "").strip("[]\n").split(", ")}
    assert "numpy" in loaded
    assert not loaded & {"av", "cv2", "aiortc", "codec", "receiver", "sender", "signaling"}


def test_title_and_label_say_which_codec_is_shown(shown: tuple[Output, threading.Event], screen: Screen) -> None:
    output, _ = shown
    window = screen.window()
    assert screen.xdotool("getwindowname", window) == "facewire: reconstructed"
    picture = Picture("h264", 0, 0, np.full((128, 128, 3), COLOUR, np.uint8))

    def is_named() -> bool:
        output.show(picture)
        return screen.xdotool("getwindowname", window) == "facewire: H.264"

    until(is_named)


def test_your_own_picture_is_a_mirror_in_the_corner_that_a_key_takes_away(
    screen: Screen, shown: tuple[Output, threading.Event]
) -> None:
    own = np.zeros((48, 64, 3), np.uint8)
    own[:, :32] = OWN
    shown[0].show_own(own)
    until(lambda: screen.part(OWN) > 0.001)
    places = np.argwhere(np.abs(screen.pixels().astype(int) - OWN).max(axis=2) < 3)
    picture = np.argwhere(np.abs(screen.pixels().astype(int) - COLOUR).max(axis=2) < 3)
    assert places[:, 1].max() >= picture[:, 1].max()  # mirrored: its left half is on the right
    assert places[:, 0].min() <= picture[:, 0].min()
    screen.press("p")
    until(lambda: screen.part(OWN) == 0)
    screen.press("p")
    until(lambda: screen.part(OWN) > 0)


def test_figures_and_keys_are_shown_and_hidden(screen: Screen, shown: tuple[Output, threading.Event]) -> None:
    """By how much of the picture they cover, the line of the start included that goes by itself."""
    bare = screen.part(COLOUR)
    until(lambda: screen.part(COLOUR) > bare)  # the hint of the start is gone
    bare = screen.part(COLOUR)
    shown[0].tell(Status(figures="keypoints  7.2 kbps\n25 fps"))
    until(lambda: screen.part(COLOUR) < bare)
    screen.press("i")
    until(lambda: screen.part(COLOUR) == bare)
    screen.press("h")
    until(lambda: screen.part(COLOUR) < 0.95 * bare)
    screen.press("question")
    until(lambda: screen.part(COLOUR) == bare)
    screen.press("o")
    until(lambda: screen.part(COLOUR) < bare)


def test_keys_that_the_call_acts_on_are_told_and_what_is_off_is_shown(
    screen: Screen, shown: tuple[Output, threading.Event]
) -> None:
    PRESSED.clear()
    shown[0].tell(Status(microphone=True))
    shown[0].tell(Status(microphone=False))
    red = (255, 110, 100)
    until(lambda: screen.part(red) > 0)
    screen.press("v", "m", "s")  # there is no voice to switch
    until(lambda: PRESSED == ["microphone", "snapshot"])


def test_the_window_can_be_of_any_shape_and_the_picture_keeps_its_own(
    screen: Screen, shown: tuple[Output, threading.Event]
) -> None:
    screen.xdotool("windowsize", screen.window(), "500", "200")

    def is_wide() -> bool:
        covered = np.argwhere(np.abs(screen.pixels().astype(int) - COLOUR).max(axis=2) < 3)
        height, width = covered.max(0) - covered.min(0) + 1
        return (int(height), int(width)) == (200, 200)

    until(is_wide)


@pytest.fixture
def managed(screen: Screen) -> Iterator[None]:
    """A window manager: SDL asks it for full screen."""
    if shutil.which("openbox") is None:
        pytest.skip("openbox not installed: apt-get install openbox")
    manager = subprocess.Popen(["openbox", "--sm-disable"], env=screen.environment, stderr=subprocess.DEVNULL)
    until(lambda: screen.xdotool("get_num_desktops") != "")  # only a window manager tells
    yield
    manager.terminate()
    manager.wait()


@pytest.mark.parametrize("way", ["f", "double click"])
def test_full_screen_and_back(screen: Screen, managed: None, shown: tuple[Output, threading.Event], way: str) -> None:
    def size() -> list[str]:
        return [line for line in screen.xdotool("getwindowgeometry", "--shell", screen.window()).split() if "T" in line]

    until(screen.has_focus)
    before = size()
    if way == "f":
        screen.press("f")
    else:
        screen.xdotool("mousemove", "--window", screen.window(), "60", "160", "click", "--repeat", "2", "1")
    until(lambda: "WIDTH=640" in size() and "HEIGHT=480" in size() and screen.has_focus())
    screen.press("Escape")  # leaves full screen before it ends anything
    until(lambda: size() == before)
    assert not shown[1].is_set()
