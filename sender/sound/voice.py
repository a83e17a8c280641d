"""Stages 1 to 4, sound: a source's voice coded once, for whoever sends it on."""

import asyncio
from collections.abc import Callable

import numpy as np

from codec.sound import SAMPLE_RATE, SoundConfig, SoundEncoder
from codec.sound.level import QUIET_DB, level_db
from sender.errors import SourceError
from sender.sound.frames import Framer
from sender.sound.sources import Block, SoundSource
from signaling.retries import Retries, Sleep

__all__ = ["Voice"]

Coded = Callable[[bytes, float], None]  # a frame, b"" where it is silent, and when what is decoded of it was captured


class Voice:
    """Codes one source's sound, frame by frame, while somebody wants it, and hands each frame to all who take it.

    A source that breaks (a microphone that is pulled out) is tried again, with pauses that grow; `news` is told once.
    """

    def __init__(
        self,
        source: SoundSource,
        config: SoundConfig,
        *,
        news: Callable[[str], None] = lambda text: None,
        retries: Retries | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._source, self._news = source, news
        self._encoder = SoundEncoder(config)
        self._framer = Framer(config.frame_samples)
        self._retries, self._sleep = retries or Retries(), sleep
        self._takers: list[tuple[Coded, Callable[[], bool]]] = []
        self.muted = False
        self.level_db = QUIET_DB  # of the last frame, against full scale

    @property
    def config(self) -> SoundConfig:
        """How it is coded now."""
        return self._encoder.config

    def give(self, takes: Coded, *, wanted: Callable[[], bool]) -> None:
        """One who takes the frames, and whether it does at the moment."""
        self._takers.append((takes, wanted))

    def keep_from(self, takes: Coded) -> None:
        """One who takes no more frames."""
        self._takers = [taker for taker in self._takers if taker[0] != takes]

    def set_kbps(self, kbps: float) -> None:
        """How finely it is coded from now on."""
        if kbps != self.config.kbps:
            self._encoder.set_kbps(kbps)

    async def run(self) -> None:
        """Codes until the source ends; then waits for good."""
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
            self.level_db = level_db(float(np.mean(np.square(heard))))
            takers = [takes for takes, wanted in self._takers if wanted()]
            if takers:
                packet = self._encoder.encode(heard)
                for takes in takers:
                    takes(packet, captured_s - self._encoder.lookahead / SAMPLE_RATE)
