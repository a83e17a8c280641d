"""Stages 4 to 6, pace: the one owner of what the line carries: hears the reports, and tells every part its share."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from codec.frame_report import FrameReport
from sender.options import SenderOptions
from sender.pace.quantiser import Quantiser
from sender.pace.shares import Needs, Shares, share_out
from signaling.errors import MessageError
from signaling.protocol.capabilities import ARRIVALS
from signaling.protocol.messages import Capabilities
from signaling.transport.channels import Channels
from signaling.transport.congestion import ArrivalReport, Line
from signaling.transport.costs import MESSAGE_OVERHEAD

__all__ = ["PACE_S", "Levers", "Pacer"]

_PATIENCE_S = 1.0  # after it, what has no receipt is taken to be gone, where the transport does not tell
PACE_S = 0.1  # between two looks at the line
_FOLLOW = 0.1  # of the time between pictures
_LONGEST_S = 0.5
_FIRST_MESSAGE_BYTES, _FIRST_SOUND_KBPS = 400, 6.0  # until the line is known
_SOUND_AHEAD_BYTES = 400  # of sound that may be on its way beyond the window


class Levers(Protocol):
    """What can be done about a line: the parts of a sending end, which are told their shares."""

    @property
    def begins(self) -> bool:
        """Whether the first keyframe has not left yet: until then, nobody knows what the line carries."""

    def follow(self, shares: Shares, *, qp: int) -> None:
        """From now on."""


class Pacer:
    """Knows the line of one stream, shares out what it carries, and says what may leave now. On the event loop.

    To a receiver that does not report (as those of before 0.3), everything goes as the options say.
    """

    def __init__(
        self,
        channels: Channels,
        *,
        options: SenderOptions,
        sound: bool,
        clock: Callable[[], float],
    ) -> None:
        self._channels, self._clock = channels, clock
        self._needs = Needs(
            bundle=options.bundle,
            sound_kbps=options.sound_kbps if sound else 0.0,
            reference_kbps=options.reference_kbps,
            h264_kbps=options.h264_kbps,
        )
        self._line = Line(min_kbps=options.min_kbps, max_kbps=options.max_kbps)
        self._quantiser = Quantiser(options.qp)
        self._pictures = 0
        self._pictured_s: float | None = None
        self._interval_s = 1 / self._needs.fps
        self._expects = channels.flying() is not None  # that the receiver reports: unless it says otherwise
        self.shares = share_out(None, self._needs)
        self.counts = {"arrival_reports": 0, "malformed_arrivals": 0}
        channels.tap.sent = self.sent
        channels.motion.set_receiver(self.hear)

    @property
    def kbps(self) -> float | None:
        """What the line is held to; None while nobody tells."""
        return self._line.rate_kbps if self._line.is_known else None

    def states(self) -> dict[str, float | None]:
        """For the meter: what the line is held to, and how long its queue is; None while nobody knows."""
        if not self._line.is_known:
            return {"line_kbps": None, "line_queue_ms": None}
        return {"line_kbps": round(self._line.rate_kbps, 1), "line_queue_ms": round(self._line.queue_ms, 1)}

    def meet(self, peer: Capabilities | None) -> None:
        """The receiver has said what it can; one that does not report is sent to as ever."""
        self._expects = self._expects and peer is not None and ARRIVALS in peer.features

    def sent(self, data: bytes, resent: bool) -> None:
        """A message of the stream has left."""
        self._line.sent(data, now_s=self._clock(), resent=resent)

    def sent_beside(self, wire_bytes: int) -> None:
        """A packet of H.264 has left."""
        self._line.sent_beside(wire_bytes, now_s=self._clock())

    def hear(self, data: bytes) -> None:
        """A message that came on the motion channel, against the stream."""
        try:
            report = ArrivalReport.parse(data)
        except MessageError:
            self.counts["malformed_arrivals"] += 1
            return
        self.counts["arrival_reports"] += 1
        self._line.hear(report, now_s=self._clock())

    def sound_has_room(self, takes_turns: bool) -> bool:
        """Sound goes before all else, unless it `takes_turns`, but not into a queue that would make it useless."""
        return self.has_room(_FIRST_MESSAGE_BYTES if takes_turns else -_SOUND_AHEAD_BYTES)

    def has_room(self, size: int) -> bool:
        """Whether a message of so many bytes may leave now."""
        if not (self._expects or self._line.is_known):
            return True
        flying = self._channels.flying()
        if flying is None:
            flying = self._line.unanswered_bytes(now_s=self._clock(), patience_s=_PATIENCE_S)
        self._line.flies(flying, now_s=self._clock())
        wire_bytes = size + MESSAGE_OVERHEAD + self._channels.extra()
        return flying == 0 or flying + wire_bytes <= self._line.window_bytes(now_s=self._clock())

    def takes_picture(self) -> bool:
        """Whether this picture is coded: on thin lines not each of them is."""
        now_s = self._clock()
        if self._pictured_s is not None:
            self._interval_s += _FOLLOW * (min(_LONGEST_S, now_s - self._pictured_s) - self._interval_s)
        self._pictured_s = now_s
        self._pictures += 1
        return self._pictures % self.shares.every == 0

    def see(self, report: FrameReport) -> None:
        """What a frame took."""
        if not report.reference_bits:
            self._quantiser.see(report.payload_bits, qp=report.qp)

    async def run(self, levers: Levers) -> None:
        """Shares out anew what the line carries, for as long as the call lasts."""
        while True:
            self.tick(levers)
            await asyncio.sleep(PACE_S)

    def tick(self, levers: Levers) -> None:
        """A few times a second: what the line carries now, shared out anew."""
        self._line.goes(extra_bytes=self._channels.extra())
        self._line.tick(now_s=self._clock())
        self._channels.hurry(self._line.loses)
        # What the transport sends again by itself is not said twice.
        loses = self._line.loses and not self._channels.in_order
        self.shares = share_out(self.kbps, self._needs, loses=loses)
        if self._expects and (levers.begins or not self._line.is_known):
            self.shares = replace(
                self.shares,
                message_bytes=_FIRST_MESSAGE_BYTES,
                keyframes_first=True,
                sound_kbps=min(self.shares.sound_kbps, _FIRST_SOUND_KBPS),
            )
        frame_bits = None
        if self.shares.motion_kbps is not None:
            frame_bits = 1000 * self.shares.motion_kbps * self.shares.every * self._interval_s
        levers.follow(self.shares, qp=self._quantiser.keep_to(frame_bits))
