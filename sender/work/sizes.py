"""Stage 4, sizes: the encoder that codes now, and the making of one for another size beside it."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from codec.stage_clock import Stage

__all__ = ["EncoderSizes", "SizeOrder", "Succeeds"]


class Succeeds(Protocol):
    """What is needed of an encoder to take the place of another."""

    def succeed(self, before: Self) -> None:
        """Goes on where that one, of another size, stops; the next frame is a keyframe."""


E = TypeVar("E", bound=Succeeds)


@dataclass(frozen=True, slots=True)
class SizeOrder:
    """Whether a call is to be coded at the smaller of its sizes, and whether it may soon be: that is prepared then."""

    small: bool = False
    soon: bool = False


class EncoderSizes(Generic[E]):
    """Owns the encoders of one worker: one that codes and, from the moment that another size is likely, its successor.

    Loading networks for a size takes half a second of a fast machine the first time, and a fiftieth from then on. So a
    successor is made in a thread of its own, while the one before it goes on coding; the one before it is let go of,
    with all that it holds. `current` and `turn` are for the worker's thread alone.
    """

    def __init__(self, makes: Mapping[int, Callable[[Stage], E]], *, stage: Stage) -> None:
        """`makes` are by size, in pixels: the call's own first, and a smaller one if there is one."""
        self.sizes = tuple(makes)
        self.size = self.sizes[0]
        self._makes, self._stage = dict(makes), stage
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="size")
        self._encoder: E | None = None
        self._successor: tuple[int, Future[E]] | None = None

    @property
    def current(self) -> E:
        """The one that codes; made now if there is none yet."""
        if self._encoder is None:
            self._encoder = self._makes[self.size](self._stage)
        return self._encoder

    def turn(self, order: SizeOrder) -> E:
        """The one to code the next picture: that of the size wanted, as soon as it is made. Raises what making does."""
        before = self.current
        wanted = self.sizes[-1] if order.small else self.sizes[0]
        likely = self.sizes[-1] if wanted == self.size and order.soon else wanted
        if likely == self.size:
            self._successor = None
            return before
        made = self._begun(likely)
        if likely != wanted or not made.done():
            return before
        self._encoder, self._successor, self.size = made.result(), None, wanted
        self._encoder.succeed(before)
        return self._encoder

    def _begun(self, size: int) -> Future[E]:
        if self._successor is None or self._successor[0] != size:
            self._successor = (size, self._thread.submit(self._makes[size], self._stage))
        return self._successor[1]

    def close(self) -> None:
        """Lets the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)
