"""Stage 10, display: the window, as a program of its own that loads SDL and nothing else of ours.

OpenCV's window is of no use beside PyAV: their wheels bring libraries of one name, built against two copies of libxcb,
and the package loaded second gets those of the first. Nor is it alone: its Qt loses events while a window opens, now
and then the one that says that it is there, and then paints nothing. SDL asks for the system's own libX11 or Wayland.

It has a process of its own because a display that fails ends the process that uses it, which must not be the call's.

Standard input holds messages: a letter, the length of what follows, and that: P a picture and what it is, S your own, T
what the window is to say, as JSON (`Words`). On standard output `open` says that the window is there, and then each
line is a key that the call is to act on. The program ends when the window is closed, with q or Escape, or with its
input.
"""

import json
import os
import struct
import sys
import threading
import time
from functools import lru_cache
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

__all__ = ["DIMMED", "OPEN", "Corner", "Words", "packed", "packed_own", "packed_words"]

Image = npt.NDArray[np.uint8]

TITLE = "facewire"
OPEN = b"open\n"
MESSAGE = struct.Struct(">cI")
HEAD = struct.Struct(">HH16s")

KEYS = (
    ("f", "full screen (or a double click)"),
    ("m", "microphone on or off"),
    ("v", "their voice on or off"),
    ("p", "your own picture"),
    ("i", "figures of the call"),
    ("s", "save a snapshot"),
    ("h", "these keys"),
    ("q", "end"),
)
ASKED = {"m": "microphone", "v": "voice", "s": "snapshot"}  # what the call does, if it can
DOUBLE_CLICK_S = 0.4
NEWS_S = 4.0
APPEARS_WITHIN_S = 1.0  # some displays do not say
OWN_PART = 4  # your own picture takes so small a part of the width

WHITE, RED, SHADE = (240, 240, 240), (255, 110, 100), (0, 0, 0, 170)
DIMMED = 0.4  # what is left of the light of a picture that is an old one
_HELD = (round(255 * DIMMED),) * 3


Corner = Literal["topright", "bottomright"]


class Words(TypedDict, total=False):
    """What the window says beside the picture, and where your own is. `can` names what can be asked for, see ASKED."""

    figures: str
    news: str
    held: str  # why the picture is dimmed, which is an old one
    off: list[str]  # "microphone muted", say
    can: list[str]
    own: Corner


def packed(image_rgb: Image, label: str) -> bytes:
    """uint8 (H, W, 3) and what it is, up to 16 bytes of ASCII for label and title, as the program reads them."""
    return _message(b"P", HEAD.pack(*image_rgb.shape[:2], label.encode("ascii")) + image_rgb.tobytes())


def packed_own(image_rgb: Image | None) -> bytes:
    """Your own picture, uint8 (H, W, 3), as it is to be shown; None for none any more."""
    image_rgb = np.zeros((0, 0, 3), np.uint8) if image_rgb is None else image_rgb
    return _message(b"S", HEAD.pack(*image_rgb.shape[:2], b"") + image_rgb.tobytes())


def packed_words(words: Words) -> bytes:
    """What the window is to say."""
    return _message(b"T", json.dumps(words).encode())


def _message(letter: bytes, body: bytes) -> bytes:
    return MESSAGE.pack(letter, len(body)) + body


def _image(body: bytes) -> tuple[Image, str]:
    height, width, label = HEAD.unpack(body[: HEAD.size])
    pixels = np.frombuffer(body, np.uint8, height * width * 3, HEAD.size)
    return pixels.reshape(height, width, 3), label.rstrip(b"\0").decode("ascii")


class _Newest:
    """The newest of what has been read, in a thread: the window takes it when it can."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._fresh = False
        self.image_rgb: Image | None = None
        self.own_rgb: Image | None = None
        self.words = Words()
        self.ended = self.failed = False
        self.label = ""  # of the newest picture
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, *, timeout_s: float) -> bool:
        """Whether anything has come since it was asked last; waits for it a while."""
        with self._ready:
            self._ready.wait_for(lambda: self._fresh or self.ended, timeout_s)
            fresh, self._fresh = self._fresh, False
            return fresh

    def _read(self) -> None:
        try:
            self._read_all()
        except Exception as error:  # else the window would stay, with a picture that never changes
            self.failed = True
            print(f"the window cannot read its pictures: {error!r}", file=sys.stderr)
        finally:
            with self._ready:
                self.ended = True
                self._ready.notify()

    def _read_all(self) -> None:
        # Not sys.stdin: Python flushes that when it ends, and aborts where a thread is still reading from it.
        with open(0, "rb", closefd=False) as source:
            while len(head := source.read(MESSAGE.size)) == MESSAGE.size:
                letter, length = MESSAGE.unpack(head)
                body = source.read(length)
                if len(body) < length:
                    break
                with self._ready:
                    self._take(letter, body)
                    self._fresh = True
                    self._ready.notify()

    def _take(self, letter: bytes, body: bytes) -> None:
        if letter == b"P":
            self.image_rgb, self.label = _image(body)
        elif letter == b"S":
            own_rgb, _ = _image(body)
            self.own_rgb = own_rgb if own_rgb.size else None
        else:
            self.words = json.loads(body)


class _View:
    """Draws all of the window, at the window's own resolution, and knows what the user wants to see."""

    def __init__(self, pygame: Any) -> None:
        self._pygame = pygame
        self.figures, self.own, self.keys = True, True, False
        self._news, self._news_until_s = f"h: what the keys do; q: end {TITLE}", time.monotonic() + NEWS_S
        self._words = lru_cache(64)(self._made)

    def tell(self, news: str) -> None:
        """A line that stays for a while."""
        self._news, self._news_until_s = news, time.monotonic() + NEWS_S

    @property
    def wakes_s(self) -> float:
        """When something on the window is over."""
        return self._news_until_s

    def draw(self, surface: Any, newest: _Newest) -> None:
        """Everything there is now."""
        surface.fill("black")
        room, words = surface.get_rect(), newest.words
        line = max(13, min(40, min(room.size) // 26))
        if newest.image_rgb is None:
            self._say(surface, ["nobody is here yet"], line, "center", room.center)
        else:
            self._paint(surface, newest.image_rgb, room)
            if words.get("held"):
                surface.fill(_HELD, special_flags=self._pygame.BLEND_RGB_MULT)
                self._say(surface, [words["held"]], line, "center", room.center)
            self._say(surface, [newest.label], line, "bottomleft", room.bottomleft)
        if self.own and newest.own_rgb is not None:
            height, width = newest.own_rgb.shape[:2]
            own_width = min(room.width, room.height * 4 // 3) // OWN_PART
            corner = self._pygame.Rect(0, 0, own_width, own_width * height // width)
            at = words.get("own", "topright")
            setattr(corner, at, getattr(room, at))
            self._paint(surface, newest.own_rgb, corner)
        if self.figures and words.get("figures"):
            self._say(surface, words["figures"].split("\n"), line, "topleft", room.topleft)
        if words.get("off"):
            self._say(surface, words["off"], line, "bottomright", room.bottomright, colour=RED)
        if time.monotonic() < self._news_until_s and not self.keys:
            self._say(surface, [self._news], line, "midbottom", (room.centerx, room.bottom - 2 * line))
        if self.keys:
            can = words.get("can", [])
            missing = {key for key, name in ASKED.items() if name not in can}
            missing |= {"p"} if newest.own_rgb is None else set()
            rows = [f"{key}\t{what}" for key, what in KEYS if key not in missing]
            self._say(surface, rows, line, "center", room.center)

    def _paint(self, surface: Any, image_rgb: Image, room: Any) -> None:
        picture = self._pygame.image.frombuffer(image_rgb.tobytes(), image_rgb.shape[1::-1], "RGB")
        place = picture.get_rect().fit(room)
        surface.blit(self._pygame.transform.smoothscale(picture, place.size), place)

    def _say(self, surface: Any, rows: list[str], line: int, side: str, at: Any, *, colour: Any = WHITE) -> None:
        """Rows of text on a shaded ground whose `side` is `at`; smaller where the window is too narrow for them."""
        text = self._words(tuple(rows), line, colour)
        widest = surface.get_width()
        if text.get_width() > widest:
            text = self._words(tuple(rows), max(9, line * widest // text.get_width()), colour)
        surface.blit(text, text.get_rect(**{side: at}).clamp(surface.get_rect()))

    def _made(self, rows: tuple[str, ...], line: int, colour: Any) -> Any:
        font = self._pygame.font.Font(None, line * 5 // 4)
        gap, below = line // 3, font.get_linesize()
        placed = []  # a tab leads to a second column
        for number, row in enumerate(rows):
            for column, part in enumerate(row.split("\t")):
                placed.append((font.render(part, True, colour), (gap + 2 * line * column, gap + number * below)))
        width = max(x + text.get_width() for text, (x, _) in placed) + gap
        ground = self._pygame.Surface((width, below * len(rows) + 2 * gap), self._pygame.SRCALPHA)
        ground.fill(SHADE)
        ground.blits(placed)
        return ground


class _Screen:
    """SDL's window, and what its keys and buttons mean."""

    def __init__(self, pygame: Any, size: int) -> None:
        self._pygame = pygame
        tallest = min(height for _, height in pygame.display.get_desktop_sizes())
        side = size * max(1, round(tallest / 2 / size))  # half of the screen's height, however many pixels it has
        side = min(side, tallest * 9 // 10)
        self._window = pygame.Window(TITLE, (side, side), resizable=True, allow_high_dpi=True)
        self._full, self._clicked_s = False, 0.0
        self.view, self.newest = _View(pygame), _Newest()
        self.is_open = True

    def appear(self) -> None:
        """Draws, and waits until the display has the window on it."""
        self.draw()
        late_s = time.monotonic() + APPEARS_WITHIN_S
        while time.monotonic() < late_s:
            event = self._pygame.event.wait(50)
            if event.type in (self._pygame.WINDOWEXPOSED, self._pygame.WINDOWFOCUSGAINED):
                break
            self.handle(event)
        self.draw()

    def draw(self) -> None:
        """Everything anew, and the title that says what is shown."""
        title = f"{TITLE}: {self.newest.label}" if self.newest.label else TITLE
        if self._window.title != title:
            self._window.title = title
        self.view.draw(self._window.get_surface(), self.newest)
        self._window.flip()

    def handle(self, event: Any) -> bool:
        """Acts on one event; whether the window has to be drawn anew."""
        pygame = self._pygame
        if event.type in (pygame.QUIT, pygame.WINDOWCLOSE):
            self.is_open = False
        elif event.type == pygame.KEYDOWN:
            return self._key("escape" if event.key == pygame.K_ESCAPE else event.unicode.lower())
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            now_s = time.monotonic()
            if now_s - self._clicked_s < DOUBLE_CLICK_S:
                self._fill_screen(not self._full)
            self._clicked_s = now_s
        return event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWSIZECHANGED, pygame.WINDOWRESIZED)

    def _key(self, key: str) -> bool:
        view = self.view
        if key == "q" or (key == "escape" and not self._full):
            self.is_open = False
        elif key in ("f", "escape"):
            self._fill_screen(not self._full)
        elif key in ("i", "o"):
            view.figures = not view.figures
        elif key in ("h", "?"):
            view.keys = not view.keys
        elif key == "p":
            view.own = not view.own
        elif key in ASKED:
            if ASKED[key] in self.newest.words.get("can", []):
                sys.stdout.write(f"{ASKED[key]}\n")
                sys.stdout.flush()
            else:
                view.tell(f"there is no {ASKED[key]} here")
        return True

    def _fill_screen(self, full: bool) -> None:
        self._full = full
        if full:
            self._window.set_fullscreen(desktop=True)
        else:
            self._window.set_windowed()
        self._pygame.mouse.set_visible(not full)


def _open(size: int) -> _Screen:
    os.environ |= {
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        "SDL_VIDEO_X11_WMCLASS": TITLE,  # its name for the desktop, else that of this file
        "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # a game would have its desktop turn effects off
        "SDL_WINDOWS_DPI_AWARENESS": "permonitorv2",  # else Windows draws small and enlarges
        "SDL_MOUSE_FOCUS_CLICKTHROUGH": "1",
    }
    if sys.platform.startswith("linux"):  # else SDL goes on without a display: off the screen, where nobody looks
        os.environ.setdefault("SDL_VIDEODRIVER", "x11,wayland")
    import pygame  # here: the receiver, which imports this file for `packed`, has no use for it

    pygame.display.init()
    pygame.font.init()
    return _Screen(pygame, size)


def main() -> int:
    """Shows what comes until someone has seen enough. The first argument is the size of the pictures in pixels."""
    screen = _open(int(sys.argv[1]))
    import pygame

    screen.appear()
    sys.stdout.buffer.write(OPEN)
    sys.stdout.buffer.flush()
    newest, news, drawn_s = screen.newest, "", time.monotonic()
    while screen.is_open and not newest.ended:
        stale = newest.wait(timeout_s=0.02) or drawn_s < screen.view.wakes_s <= time.monotonic()
        if newest.words.get("news", "") != news:
            news = newest.words.get("news", "")
            screen.view.tell(news)
        for event in pygame.event.get():
            stale = screen.handle(event) or stale
        if stale and screen.is_open:
            drawn_s = time.monotonic()
            screen.draw()
    return 1 if newest.failed else 0


if __name__ == "__main__":
    sys.exit(main())
