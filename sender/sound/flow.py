"""Stages 5 and 6, sound: one stream's share of a voice, on its way to the channels."""

import asyncio
from collections.abc import Callable

from sender.sound.bundle import SoundBundler
from sender.sound.voice import Voice
from signaling.protocol.capabilities import SOUND
from signaling.protocol.messages import Capabilities
from signaling.transport.channels import Channels

__all__ = ["SoundFlow"]


class SoundFlow:
    """Sends a voice into the sound channel of a stream, from when the receiver says that it takes any."""

    def __init__(self, voice: Voice, channels: Channels, *, bundle_ms: int, keeps: bool = False) -> None:
        """With `keeps`, the voice outlives this stream, or is shared, and somebody else's to run."""
        self.voice = voice
        self._keeps = keeps
        self._frame_ms = voice.config.frame_ms
        span = max(1, round(bundle_ms / self._frame_ms))
        self.bundler = SoundBundler(channels, span=span, frame_ms=self._frame_ms)
        self.wanted = False  # the receiver takes sound
        self.kbps: float | None = None  # that its line has for it

    async def run(self) -> None:
        """Takes what the voice gives, until it is cancelled."""
        self.voice.takers.append(self)
        try:
            await (asyncio.Event().wait() if self._keeps else self.voice.run())
        finally:
            self.voice.takers.remove(self)

    def take(self, packet: bytes, *, captured_s: float) -> None:
        """One coded frame, b"" where it is silent."""
        self.bundler.add(packet, captured_s=captured_s)

    def meet(self, peer: Capabilities | None) -> None:
        """The receiver has said what it can, or has not."""
        self.wanted = peer is not None and SOUND in peer.features

    def set_pace(self, *, kbps: float, span_ms: float, repeats: bool, may_leave: Callable[[], bool]) -> None:
        """How finely sound is coded from now on, how long a span is, and whether there is room to repeat or for any."""
        self.kbps = kbps
        span = max(1, round(span_ms / self._frame_ms))
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
