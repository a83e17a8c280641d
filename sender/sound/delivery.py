"""Stages 5 and 6, sound: coded frames to one receiver, from when it says that it takes any."""

from collections.abc import Callable

from codec.sound import SoundConfig
from sender.sound.bundle import SoundBundler
from signaling.protocol.capabilities import SOUND
from signaling.protocol.messages import Capabilities
from signaling.transport.channels import Channels

__all__ = ["SoundDelivery"]


class SoundDelivery:
    """Sends one receiver the frames that are `add`ed, over the sound channel of its stream, with its motion."""

    def __init__(self, channels: Channels, *, config: SoundConfig, bundle_ms: int) -> None:
        self._frame_ms = config.frame_ms
        span = max(1, round(bundle_ms / config.frame_ms))
        self.bundler = SoundBundler(channels, span=span, frame_ms=config.frame_ms)
        self.wanted = False  # the receiver takes sound

    def meet(self, peer: Capabilities | None) -> None:
        """The receiver has said what it can, or has not."""
        self.wanted = peer is not None and SOUND in peer.features

    def set_pace(self, *, span_ms: float, repeats: bool, may_leave: Callable[[], bool]) -> None:
        """How long a span is from now on, and whether there is room to repeat frames or for any."""
        span = max(1, round(span_ms / self._frame_ms))
        self.bundler.set_pace(span=span, may_repeat=repeats, may_leave=may_leave)

    def add(self, packet: bytes, captured_s: float) -> None:
        """One coded frame, b"" where it is silent."""
        if self.wanted:
            self.bundler.add(packet, captured_s=captured_s)

    def is_leaving(self) -> bool:
        """Whether sound leaves with the next motion, or soon without."""
        return self.wanted and self.bundler.is_leaving()

    def carry(self, motion: bytes) -> bool:
        """Takes a motion message along; False: it has to go by itself."""
        return self.wanted and self.bundler.carry(motion)

    def figures(self) -> dict[str, int]:
        """Counts since the call began."""
        return {f"sound_{name}": count for name, count in self.bundler.counts.items()}
