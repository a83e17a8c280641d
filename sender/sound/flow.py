"""Stages 1 to 6, sound: the one owner of a voice on its way from its source to the channels of one receiver."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from codec.sound import SoundConfig
from sender.sound.bundle import SoundBundler
from sender.sound.delivery import SoundDelivery
from sender.sound.sources import SoundSource
from sender.sound.voice import Voice
from signaling.protocol.messages import Capabilities
from signaling.retries import Retries, Sleep
from signaling.transport.channels import Channels

__all__ = ["SharedFlow", "SoundFlow"]


class SoundFlow:
    """A `Voice` for one receiver alone: coded into the sound channel of its stream, once it takes any."""

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
        self._join(Voice(source, config, news=news, retries=retries, sleep=sleep), channels, bundle_ms=bundle_ms)
        self._voice.give(self._delivery.add, wanted=lambda: self._delivery.wanted)
        self.run: Callable[[], Coroutine[Any, Any, None]] = self._voice.run

    def _join(self, voice: Voice, channels: Channels, *, bundle_ms: int) -> None:
        self._voice = voice
        self._delivery = SoundDelivery(channels, config=voice.config, bundle_ms=bundle_ms)
        self.is_leaving, self.carry = self._delivery.is_leaving, self._delivery.carry
        self.figures = self._delivery.figures

    @property
    def bundler(self) -> SoundBundler:
        """What makes messages of it."""
        return self._delivery.bundler

    @property
    def wanted(self) -> bool:
        """Whether the receiver takes sound."""
        return self._delivery.wanted

    @property
    def muted(self) -> bool:
        """Whether silence is sent."""
        return self._voice.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._voice.muted = muted

    @property
    def level_db(self) -> float:
        """Of the last frame, against full scale."""
        return self._voice.level_db

    def meet(self, peer: Capabilities | None) -> None:
        """The receiver has said what it can, or has not."""
        self._delivery.meet(peer)

    def set_pace(self, *, kbps: float, span_ms: float, repeats: bool, may_leave: Callable[[], bool]) -> None:
        """How finely sound is coded from now on, how long a span is, and whether there is room to repeat or for any."""
        self._voice.set_kbps(kbps)
        self._delivery.set_pace(span_ms=span_ms, repeats=repeats, may_leave=may_leave)


class SharedFlow(SoundFlow):
    """The same of a `Voice` that others take too, and that is somebody else's to run."""

    def __init__(self, voice: Voice, channels: Channels, *, bundle_ms: int) -> None:
        self._join(voice, channels, bundle_ms=bundle_ms)
        self.run = self._take_part

    async def _take_part(self) -> None:
        """Takes what the voice gives, until it is cancelled."""
        self._voice.give(self._delivery.add, wanted=lambda: self._delivery.wanted)
        try:
            await asyncio.Event().wait()
        finally:
            self._voice.keep_from(self._delivery.add)
