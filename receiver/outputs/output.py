"""Stage 10, display: what every output is, and the thread behind most of them, so that no picture waits for a disk."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from codec.errors import MediaError
from codec.units import Image
from receiver.errors import DisplayError
from receiver.outputs.overlay import Status
from receiver.picture import Heard, Picture, Waiting
from signaling.printable import reason_of

__all__ = ["Ended", "NullOutput", "Output", "Pictures"]

CLOSES_WITHIN_S = 10.0  # then what still waits is given up, and the program ends all the same

Ended = Callable[[Exception | None], None]


class Output(Protocol):
    """Where pictures go, and sound where there is a place for it. `show` and `hear` never wait, in any thread."""

    def show(self, picture: Picture) -> None:
        """Takes a picture; the oldest that waits gives way when there are too many."""

    def hear(self, sound: Heard) -> None:
        """Takes some sound, which follows what came before it."""

    def show_own(self, image_rgb: Image | None) -> None:
        """Takes your own picture, uint8 (H, W, 3), where it is shown too; None: there is none any more."""

    def tell(self, status: Status) -> None:
        """Takes how the call stands."""

    def close(self) -> None:
        """Handles what still waits, then closes. Raises DisplayError if the pictures did not arrive."""


class NullOutput:
    """Nowhere: the call is decoded and metered, and that is all."""

    def show(self, picture: Picture) -> None:
        pass

    def hear(self, sound: Heard) -> None:
        pass

    def show_own(self, image_rgb: Image | None) -> None:
        pass

    def tell(self, status: Status) -> None:
        pass

    def close(self) -> None:
        pass


class Pictures(ABC):
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

    def hear(self, sound: Heard) -> None:  # noqa: B027 -- for those that have
        """Most have no place for sound."""

    def show_own(self, image_rgb: Image | None) -> None:  # noqa: B027
        """Most show only what comes."""

    def tell(self, status: Status) -> None:  # noqa: B027
        """Most have no place for words."""

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
