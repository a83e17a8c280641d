"""Stage 10, display: the window, as a program of its own that loads SDL and nothing else of ours.

OpenCV's window is of no use beside PyAV: their wheels bring libraries of one name, built against two copies of libxcb,
and the package loaded second gets those of the first. Nor is it alone: its Qt loses events while a window opens, now
and then the one that says that it is there, and then paints nothing. SDL asks for the system's own libX11 or Wayland.

It has a process of its own because a display that fails ends the process that uses it, which must not be the call's.

Standard input holds pictures, each after its height, width and label; `open` on standard output says that the window is
there. The program ends when the window is closed, with q or Escape, or with its input.
"""

import os
import struct
import sys
import threading

import numpy as np
import numpy.typing as npt

__all__ = ["OPEN", "packed"]

TITLE = "facewire"
OPEN = b"open\n"
HEAD = struct.Struct(">HH16s")


def packed(image_rgb: npt.NDArray[np.uint8], label: str) -> bytes:
    """uint8 (H, W, 3) and what it is, up to 16 bytes of ASCII for the title, as the program reads them."""
    return HEAD.pack(*image_rgb.shape[:2], label.encode("ascii")) + image_rgb.tobytes()


class _Newest:
    """The newest picture that has been read, in a thread: the window takes it when it can."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._image_rgb: npt.NDArray[np.uint8] | None = None
        self.ended = self.failed = False
        self.label = ""  # of the newest
        threading.Thread(target=self._read, daemon=True).start()

    def take(self, *, timeout_s: float) -> npt.NDArray[np.uint8] | None:
        with self._ready:
            self._ready.wait_for(lambda: self._image_rgb is not None or self.ended, timeout_s)
            image_rgb, self._image_rgb = self._image_rgb, None
            return image_rgb

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
            while len(head := source.read(HEAD.size)) == HEAD.size:
                height, width, label = HEAD.unpack(head)
                data = source.read(height * width * 3)
                if len(data) < height * width * 3:
                    break
                with self._ready:
                    self.label = label.rstrip(b"\0").decode("ascii")
                    self._image_rgb = np.frombuffer(data, np.uint8).reshape(height, width, 3)
                    self._ready.notify()


def main() -> int:
    """Shows what comes until someone has seen enough. The first argument is the size of the window in pixels."""
    os.environ |= {
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        "SDL_VIDEO_X11_WMCLASS": TITLE,  # its name for the desktop, else that of this file
        "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # a game would have its desktop turn effects off
    }
    if sys.platform.startswith("linux"):  # else SDL goes on without a display: off the screen, where nobody looks
        os.environ.setdefault("SDL_VIDEODRIVER", "x11,wayland")
    import pygame  # here: the receiver, which imports this file for `packed`, has no use for it

    size = int(sys.argv[1])
    pygame.display.init()
    pygame.display.set_caption(TITLE)
    window = pygame.display.set_mode((size, size), pygame.RESIZABLE)
    sys.stdout.buffer.write(OPEN)
    sys.stdout.buffer.flush()
    newest = _Newest()
    image_rgb, label = np.zeros((size, size, 3), np.uint8), ""
    while not newest.ended:
        newer = newest.take(timeout_s=0.02)
        if newest.label != label:
            label = newest.label
            pygame.display.set_caption(f"{TITLE}: {label}")
        events = pygame.event.get()
        if any(event.type == pygame.QUIT for event in events):
            break
        if any(event.type == pygame.KEYDOWN and event.key in (pygame.K_q, pygame.K_ESCAPE) for event in events):
            break
        if newer is not None or any(event.type in (pygame.WINDOWEXPOSED, pygame.VIDEORESIZE) for event in events):
            image_rgb = image_rgb if newer is None else newer
            window = pygame.display.get_surface() or window  # another one once the size has changed
            window.fill("black")
            picture = pygame.image.frombuffer(image_rgb.tobytes(), image_rgb.shape[1::-1], "RGB")
            place = picture.get_rect().fit(window.get_rect())
            window.blit(pygame.transform.smoothscale(picture, place.size), place)
            pygame.display.flip()
    return 1 if newest.failed else 0


if __name__ == "__main__":
    sys.exit(main())
