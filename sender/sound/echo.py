"""Stage 1, sound: a microphone beside a loudspeaker: what that plays is taken out of what this hears."""

import asyncio
from collections.abc import Callable

import numpy as np

from codec.errors import ExtraMissing
from codec.sound import SAMPLE_RATE, Samples
from codec.sound.echo import ECHO_FRAME, ECHO_LAG, EchoCanceller
from sender.sound.frames import Framer
from sender.sound.sources import Block, SoundSource

__all__ = ["EchoFree", "Played"]

_CAPACITY = SAMPLE_RATE  # samples that wait: a second, if nobody listens
_PERIOD = 100  # frames: a second, over which the fewest samples that waited are looked at
_WANTED, _TOLERATED = 960, 384  # samples that wait at such a moment, and how far off they may be: blocks come in steps
_BEGINNINGS = (20, 50, 100)  # frames, after each of which it is set right at once: devices begin in bursts
_EVERY = 4  # frames, of which one is read a sample longer or shorter to set that right
_FAR_OFF = 720  # left out at once: a device has stood still
_SILENT_FRAMES = 30  # without a sample: nothing is played any more


class Played:
    """What the loudspeaker was given, until it is asked for beside what the microphone hears. Pure: it has no clock.

    Both devices have clocks of their own, and give and take in bursts. What counts is that what is played is given out
    here before its echo is heard, and always by as much. So of what waits when it is asked for, the least of each
    second is looked at: it is kept between 12 and 28 ms by reading 0.05 % faster or slower. Since what is asked for has
    been given to the loudspeaker already, its echo cannot have come before, whatever the devices say of delays.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing is played, as at first."""
        self._waiting: Samples = np.zeros(0, np.float32)
        self._is_silent, self._lacked = True, 0  # frames in a row
        self._asked, self._least, self._off = 0, _CAPACITY, 0
        self._settled = 0  # of the beginnings

    def add(self, samples: Samples) -> None:
        """What the loudspeaker is given."""
        self._waiting = np.concatenate([self._waiting, samples])[-_CAPACITY:]

    def take(self) -> Samples:
        """What was played beside the next frame of the microphone. # (ECHO_FRAME,)"""
        if self._is_silent:
            if len(self._waiting) < ECHO_FRAME + _WANTED:
                return np.zeros(ECHO_FRAME, np.float32)
            self._waiting = self._waiting[-ECHO_FRAME - _WANTED :]
            self._is_silent, self._settled, self._lacked = False, 0, 0
            self._asked, self._least, self._off = 0, _CAPACITY, 0
        step = int(np.sign(self._off)) if self._asked % _EVERY == 0 else 0
        self._off -= step
        read, self._waiting = self._waiting[: ECHO_FRAME + step], self._waiting[ECHO_FRAME + step :]
        self._watch(lacking=ECHO_FRAME + step - len(read))
        return _stretched(read, lacking=ECHO_FRAME + step - len(read))

    def _watch(self, *, lacking: int) -> None:
        self._lacked = self._lacked + 1 if lacking >= ECHO_FRAME - 1 else 0
        self._is_silent = self._lacked >= _SILENT_FRAMES
        self._asked, self._least = self._asked + 1, min(self._least, len(self._waiting))
        begins = self._settled < len(_BEGINNINGS)
        if self._asked < (_BEGINNINGS[self._settled] if begins else _PERIOD):
            return
        off = self._least - _WANTED
        if off > _FAR_OFF or (begins and off > 0):
            self._waiting, self._off = self._waiting[off:], 0
        elif begins:
            self._waiting = np.concatenate([np.zeros(-off, np.float32), self._waiting])
        elif abs(off) > _TOLERATED:
            self._off = off
        self._asked, self._least, self._settled = 0, _CAPACITY, self._settled + begins


def _stretched(read: Samples, *, lacking: int) -> Samples:
    """A sample more or less as a frame; silence where several are lacking."""
    whole = np.concatenate([read, np.zeros(lacking, np.float32)])
    if len(whole) == ECHO_FRAME:
        return whole
    places = np.linspace(0, len(whole) - 1, ECHO_FRAME)
    return np.asarray(np.interp(places, np.arange(len(whole)), whole), np.float32)


class EchoFree:
    """A source whose sound comes without the echo of what is `played` (SoundSource).

    Where no canceller can be had that is told once, with `say`, and sound comes as it is. `make` is an argument so that
    tests need none.
    """

    def __init__(
        self,
        source: SoundSource,
        *,
        say: Callable[[str], None],
        make: Callable[[], EchoCanceller] = EchoCanceller,
    ) -> None:
        self.label = source.label
        self._source, self._say, self._make = source, say, make
        self._canceller: EchoCanceller | None = None
        self._missing = False
        self._played = Played()

    def played(self, samples: Samples) -> None:
        """What the loudspeaker was given, in its order; on the event loop."""
        if self._canceller is not None:
            self._played.add(samples)

    async def run(self, deliver: Callable[[Block], None]) -> None:
        """Hands over each block without the echo in it. Raises what the source raises."""
        await self._load()
        if self._canceller is None:
            await self._source.run(deliver)
            return
        canceller, framer = self._canceller, Framer(ECHO_FRAME)
        self._played.clear()

        def heard(block: Block) -> None:
            for samples, captured_s in framer.add(block.samples, captured_s=block.captured_s):
                alone = canceller.cancel(samples, played=self._played.take())
                deliver(Block(alone, captured_s - ECHO_LAG / SAMPLE_RATE))

        await self._source.run(heard)

    async def _load(self) -> None:
        if self._canceller is not None or self._missing:
            return
        try:
            self._canceller = await asyncio.to_thread(self._make)
        except ExtraMissing as error:
            self._missing = True
            self._say(f"{error}; use headphones")
