"""Stage 6, transport: the receiver's side of the control channel; asks for keyframes, compares clocks, reports."""

from collections import Counter
from collections.abc import Callable

from codec.units import pts_to_us
from receiver.motion.jitterbuffer import KeyframeRequests
from receiver.picture import Picture
from receiver.selection import Mode
from signaling.protocol.messages import (
    Capabilities,
    KeyframeRequest,
    Message,
    ModeSwitch,
    QualityReport,
)
from signaling.protocol.quantities import DelayMs, or_unknown
from signaling.transport.channels import Channel
from signaling.transport.control import ControlChannel
from signaling.transport.costs import Kind

__all__ = ["Control"]

QUICK_PINGS = 4  # a few exchanges at once, then one every five seconds
TICKS_PER_PING = 50
LONGEST_WITHOUT_PICTURE_US = 1_000_000


class Control:
    """Speaks with the sender, and knows from it which mode is on and when a picture was captured.

    `now_us` is the receiver's clock. The sender tells its own through quality reports: the figure `pts_origin_us` is
    its clock at pts 0, and `h264_origin_pts` the pts of its first H.264 packet (a track only counts from there).
    """

    def __init__(
        self,
        channel: Channel,
        *,
        now_us: Callable[[], int],
        on_mode: Callable[[Mode], None],
        on_peer: Callable[[Capabilities | None], None],
        counts: Counter[str],
    ) -> None:
        self._line = ControlChannel(channel, now_us=now_us, heed=self._heed, on_peer=on_peer, counts=counts)
        self._now_us = now_us
        self._on_mode = on_mode
        self._pings = 0
        self._pictured_us = 0
        self._ticks = 0
        self.pts_origin_us: int | None = None  # the sender's clock at pts 0
        self.mode: Mode = "keypoints"
        self.clock = self._line.clock
        self.send, self.receive, self.ping = self._line.send, self._line.receive, self._line.ping
        self.requests = KeyframeRequests()
        self.quality: QualityReport | None = None
        self.h264_origin: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the sender hears us."""
        return self._line.is_open

    def _heed(self, message: Message) -> bool:
        if isinstance(message, ModeSwitch):
            self.mode = message.mode
            self._on_mode(message.mode)
        elif isinstance(message, QualityReport):
            self._on_quality(message)
        else:
            return False
        return True

    def _on_quality(self, report: QualityReport) -> None:
        self.quality = report
        if (origin := report.figures.get("h264_origin_pts")) is not None:
            self.h264_origin = round(origin)
        if (origin := report.figures.get("pts_origin_us")) is not None:
            self.pts_origin_us = round(origin)

    def delay_ms(self, picture: Picture) -> float | None:
        """Capture to display; None until the clocks are compared and the sender has told when pts 0 was.

        None too where what it told of them makes no sense: our own report has to hold the figure.
        """
        if self.pts_origin_us is None:
            return None
        captured_us = self.clock.to_ours(self.pts_origin_us + pts_to_us(picture.pts))
        return None if captured_us is None else or_unknown((picture.shown_us - captured_us) / 1000, DelayMs)

    def pictured(self, kind: Kind) -> None:
        """A picture was made of what the sender sends."""
        if kind == "h264" if self.mode == "h264" else kind == "keypoints":
            self._pictured_us = self._now_us()
            self.requests.satisfied()

    def opened(self, capabilities: Capabilities) -> None:
        """The channel is open: we say what we can, and whoever joins needs a keyframe, or in H.264 a key picture."""
        self.send(capabilities)
        self._pictured_us = self._now_us()
        self.need_keyframe("joined")

    def miss_h264(self) -> None:
        """Pictures of H.264 are missing: what follows them is of no use until the next key picture."""
        if self.mode == "h264":
            self.need_keyframe("h264 gap")

    def need_keyframe(self, reason: str) -> None:
        """Asks for a keyframe, at once if the back-off allows."""
        self.requests.need(reason)
        self._ask_for_keyframe()

    def _ask_for_keyframe(self) -> None:
        if not self._line.is_open:
            return
        reason = self.requests.poll(now_us=self._now_us())
        if reason is not None:
            self.send(KeyframeRequest(reason=reason))

    def tick(self) -> None:
        """What is to be said from time to time; called ten times a second."""
        if self._now_us() - self._pictured_us > LONGEST_WITHOUT_PICTURE_US:
            self.requests.need("no picture")
        self._ask_for_keyframe()
        if self._line.is_open and (self._pings < QUICK_PINGS or self._ticks % TICKS_PER_PING == 0):
            self._pings += 1
            self._line.ping()
        self._ticks += 1
