"""Stages 4 to 6, pace: the parts of a sending end that can spend less, each told its share of the line."""

from collections.abc import Callable
from dataclasses import dataclass

from sender.encode import Orders
from sender.h264.fallback_flow import FallbackFlow
from sender.pace.shares import Shares
from sender.references.keyframe_gate import KeyframeGate
from sender.sound import SoundFlow
from sender.transmit import Transmitter

__all__ = ["SenderLevers", "pace_keyframes"]

_KEYFRAME_BITS = 24_000  # a usual one, with all around its pieces
_LEAST_PATIENCE_S, _INTERVAL_S, _THIN_INTERVAL_S = 2.0, 0.5, 8.0


def pace_keyframes(gate: KeyframeGate, shares: Shares) -> None:
    """How often a receiver may have keyframes, by how long one takes."""
    gate.patience_s = max(_LEAST_PATIENCE_S, 2 * _KEYFRAME_BITS / (1000 * shares.reference_kbps))
    gate.interval_s = _INTERVAL_S
    if shares.keyframes_first:  # each holds up all pictures for seconds, and no reference is ever lost for good
        gate.patience_s = max(gate.patience_s, _THIN_INTERVAL_S)
        gate.interval_s = _THIN_INTERVAL_S


@dataclass(slots=True)
class SenderLevers:
    """See `sender.pace.pacer.Levers`."""

    transmitter: Transmitter
    orders: Orders
    keyframes: KeyframeGate
    sound: SoundFlow | None
    fallback: FallbackFlow | None
    sound_has_room: Callable[[bool], bool]
    frame_s: float = 0.04
    _told: tuple[Shares, int] | None = None

    def follow(self, shares: Shares, *, qp: int) -> None:
        """Tells each part, where something has changed."""
        if self._told == (shares, qp):
            return
        before, self._told = self._told, (shares, qp)
        frame_s = self.frame_s * shares.every
        self.transmitter.set_pace(
            bundle=shares.bundle,
            frame_s=frame_s,
            reference_bytes_per_s=125 * shares.reference_kbps,
            message_bytes=shares.message_bytes,
            keyframes_first=shares.keyframes_first,
            repeats=shares.repeats_motion,
        )
        if before is None or (before[0].bundle, before[0].residual, before[1]) != (shares.bundle, shares.residual, qp):
            self.orders.set_pace(qp=qp, bundle=shares.bundle, residual=shares.residual)
        pace_keyframes(self.keyframes, shares)
        if self.sound is not None:
            span_ms = 1000 * frame_s * shares.bundle
            self.sound.set_pace(
                kbps=shares.sound_kbps, span_ms=span_ms, repeats=shares.repeats_sound, may_leave=self.sound_may_leave
            )
        if self.fallback is not None:
            self.fallback.set_pace(kbps=shares.h264_kbps, every=shares.h264_every)

    @property
    def begins(self) -> bool:
        """See `sender.pace.pacer.Levers`."""
        return self.transmitter.first_keyframe_waits

    def sound_may_leave(self) -> bool:
        """Sound goes before all else, but for the first keyframe of a call on a thin line: they take turns."""
        return self.sound_has_room(self.transmitter.first_keyframe_waits)
