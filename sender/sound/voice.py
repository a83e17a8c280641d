"""Stages 1 and 4, sound: the one owner of a voice: its source, and what is coded of it once for whoever takes it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from codec.sound import SoundConfig, SoundEncoder
from sender.errors import SourceError
from sender.sound.frames import Framer
from sender.sound.sources import Block, SoundSource
from signaling.retries import Retries, Sleep

__all__ = ["Taker", "Voice"]

_QUIET_DB = -90.0  # what a level is at least


class Taker(Protocol):
    """What takes coded frames, and says how finely it would have them coded."""

    wanted: bool  # now
    kbps: float | None  # None: as the voice is meant to be

    def take(self, packet: bytes, *, captured_s: float) -> None:
        """One coded frame, b"" where it is silent."""


class Voice:
    """Codes one source's sound while anybody wants it, for the taker that can take least.

    A source that breaks (a microphone that is pulled out) is tried again, with pauses that grow; `news` is told once.
    """

    def __init__(
        self,
        source: SoundSource,
        *,
        config: SoundConfig,
        news: Callable[[str], None] = lambda text: None,
        retries: Retries | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.config = config
        self.muted = False
        self.level_db = _QUIET_DB  # of the last frame, against full scale
        self.takers: list[Taker] = []
        self._source, self._news = source, news
        self._encoder = SoundEncoder(config)
        self._framer = Framer(config.frame_samples)
        self._retries, self._sleep = retries or Retries(), sleep

    async def run(self) -> None:
        """Runs until the source ends; then waits for good."""
        told = ""
        while True:
            try:
                await self._source.run(self._take)
                await asyncio.Event().wait()
            except SourceError as error:
                if str(error) != told:
                    told = str(error)
                    self._news(f"{told}; no sound until it works again")
                await self._sleep(self._retries.pause_s())

    def _take(self, block: Block) -> None:
        for samples, captured_s in self._framer.add(block.samples, captured_s=block.captured_s):
            heard = np.zeros_like(samples) if self.muted else samples
            power = float(np.mean(np.square(heard)))
            self.level_db = max(_QUIET_DB, 10 * np.log10(power)) if power > 0 else _QUIET_DB
            takers = [taker for taker in self.takers if taker.wanted]
            if takers:
                self._follow(takers)
                packet = self._encoder.encode(heard)
                for taker in takers:
                    taker.take(packet, captured_s=captured_s)

    def _follow(self, takers: list[Taker]) -> None:
        kbps = min(self.config.kbps if taker.kbps is None else taker.kbps for taker in takers)
        if kbps != self._encoder.config.kbps:
            self._encoder.set_kbps(kbps)
