"""Stages 4 to 6, levers of one viewer: how it is sent what all get, by what its own line carries."""

from collections.abc import Callable
from dataclasses import dataclass

from sender.pace import pace_keyframes
from sender.pace.shares import Shares
from sender.references.keyframe_gate import KeyframeGate
from sender.sound.delivery import SoundDelivery
from sender.transmit import Transmitter

__all__ = ["ViewerLevers"]

_FRAME_S = 0.04


@dataclass(frozen=True, slots=True)
class ViewerLevers:
    """The parts of a delivery that are told how to go on."""

    transmitter: Transmitter
    gate: KeyframeGate
    sound: SoundDelivery
    sound_has_room: Callable[[bool], bool]

    def follow(self, shares: Shares, *, agreed: Shares) -> None:
        """From now on: what its line carries, and in bundles as all have agreed on."""
        frame_s = _FRAME_S * agreed.every
        self.transmitter.set_pace(
            bundle=agreed.bundle,
            frame_s=frame_s,
            reference_bytes_per_s=125 * shares.reference_kbps,
            message_bytes=shares.message_bytes,
            keyframes_first=shares.keyframes_first,
        )
        pace_keyframes(self.gate, shares)
        self.sound.set_pace(
            span_ms=1000 * frame_s * agreed.bundle, repeats=shares.repeats_sound, may_leave=self._sound_may_leave
        )

    def _sound_may_leave(self) -> bool:
        """Sound goes before all else, but for the first keyframe on a thin line: they take turns."""
        return self.sound_has_room(self.transmitter.first_keyframe_waits)
