"""Stage 10, sound: several voices as one, for one loudspeaker, and how loud each of them is."""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from codec.sound import SAMPLE_RATE, Samples
from codec.sound.level import level_db

__all__ = ["Mixer", "Pulled"]

_SETTLES_S = 0.1  # a level follows what is heard in about that time

K = TypeVar("K", bound=Hashable)


class Pulled(Protocol):
    """What a loudspeaker pulls from: a `SoundPlayout`, or several of them as one."""

    def pull(self, count: int, *, play_us: int, now_us: int) -> Samples:
        """The next `count` samples, float32 (count,), of which the first will be heard at `play_us`; it is `now_us`."""


@dataclass(slots=True)
class _Voice:
    playout: Pulled
    power: float = 0.0  # mean square, smoothed

    def pull(self, count: int, *, play_us: int, now_us: int) -> Samples:
        samples = self.playout.pull(count, play_us=play_us, now_us=now_us)
        part = 1 - math.exp(-count / SAMPLE_RATE / _SETTLES_S)
        self.power += part * (float(np.mean(np.square(samples))) - self.power)
        return samples


class Mixer(Generic[K]):
    """The sum of all voices, held to full scale. Voices come and go on the event loop; any one thread pulls."""

    def __init__(self) -> None:
        self._voices: dict[K, _Voice] = {}  # replaced, never changed: safe to walk in the thread that pulls

    def add(self, name: K, playout: Pulled) -> None:
        """One more voice, from now on."""
        self._voices = {**self._voices, name: _Voice(playout)}

    def remove(self, name: K) -> None:
        """This voice is not heard any more."""
        self._voices = {other: voice for other, voice in self._voices.items() if other != name}

    def pull(self, count: int, *, play_us: int, now_us: int) -> Samples:
        """The next `count` samples of all, float32 (count,) in -1..1; silence while nobody is there."""
        total = np.zeros(count, np.float32)
        for voice in self._voices.values():
            total += voice.pull(count, play_us=play_us, now_us=now_us)
        return np.clip(total, -1.0, 1.0, out=total)

    def levels_db(self) -> dict[K, float]:
        """How loud each voice is now, against full scale."""
        return {name: level_db(voice.power) for name, voice in self._voices.items()}
