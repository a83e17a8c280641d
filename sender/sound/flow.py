"""Stages 1 to 6, sound: the one owner of a voice on its way from its source to the channels."""

import asyncio
from collections.abc import Callable

import numpy as np

from codec.sound import SoundConfig, SoundEncoder
from sender.errors import SourceError
from sender.sound.bundle import SoundBundler
from sender.sound.frames import Framer
from sender.sound.sources import Block, SoundSource
from signaling.protocol.capabilities import SOUND
from signaling.protocol.messages import Capabilities
from signaling.retries import Retries, Sleep
from signaling.transport.channels import Channels

__all__ = ["SoundFlow"]

_QUIET_DB = -90.0  # what a level is at least


class SoundFlow:
    """Codes one source's sound into the sound channel of a stream, from when the receiver says that it takes any.

    A source that breaks (a microphone that is pulled out) is tried again, with pauses that grow; `news` is told once.
    """

    def __init__(
        self,
        source: SoundSource,
        channels: Channels,
        *,
        config: SoundConfig,
        bundle_ms: int,
        news: Callable[[str], None] = lambda text: None,
        retries: Retries | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._source, self._news = source, news
        self._encoder = SoundEncoder(config)
        self._framer = Framer(config.frame_samples)
        self.bundler = SoundBundler(channels, span=max(1, round(bundle_ms / config.frame_ms)), frame_ms=config.frame_ms)
        self._retries, self._sleep = retries or Retries(), sleep
        self.wanted = False  # the receiver takes sound
        self.muted = False
        self.level_db = _QUIET_DB  # of the last frame, against full scale

    async def run(self) -> None:
        """Sends until the source ends; then waits for good."""
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

    def meet(self, peer: Capabilities | None) -> None:
        """The receiver has said what it can, or has not."""
        self.wanted = peer is not None and SOUND in peer.features

    def set_pace(self, *, kbps: float, span_ms: float, repeats: bool, may_leave: Callable[[], bool]) -> None:
        """How finely sound is coded from now on, how long a span is, and whether there is room to repeat or for any."""
        if kbps != self._encoder.config.kbps:
            self._encoder.set_kbps(kbps)
        span = max(1, round(span_ms / self._encoder.config.frame_ms))
        self.bundler.set_pace(span=span, may_repeat=repeats, may_leave=may_leave)

    def is_leaving(self) -> bool:
        """Whether sound leaves with the next motion, or soon without."""
        return self.wanted and self.bundler.is_leaving()

    def carry(self, motion: bytes) -> bool:
        """Takes a motion message along; False: it has to go by itself."""
        return self.wanted and self.bundler.carry(motion)

    def figures(self) -> dict[str, int]:
        """Counts since the call began."""
        return {f"sound_{name}": count for name, count in self.bundler.counts.items()}

    def _take(self, block: Block) -> None:
        for samples, captured_s in self._framer.add(block.samples, captured_s=block.captured_s):
            heard = np.zeros_like(samples) if self.muted else samples
            power = float(np.mean(np.square(heard)))
            self.level_db = max(_QUIET_DB, 10 * np.log10(power)) if power > 0 else _QUIET_DB
            if self.wanted:
                self.bundler.add(self._encoder.encode(heard), captured_s=captured_s)
