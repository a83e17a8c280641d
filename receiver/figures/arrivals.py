"""Stage 6, congestion control: tells the sender when its messages came, where it heeds that."""

from collections.abc import Callable

from signaling.errors import PeerGone
from signaling.protocol.capabilities import ARRIVALS
from signaling.protocol.messages import Capabilities
from signaling.transport.channels import Channels
from signaling.transport.congestion import ArrivalLog

__all__ = ["Arrivals"]


class Arrivals:
    """Notes the messages of one stream as they come, and reports them on its motion channel, against the stream."""

    def __init__(self, channels: Channels, *, now_us: Callable[[], int]) -> None:
        self._channels, self._now_us = channels, now_us
        self._log = ArrivalLog()
        self._heeded = False
        channels.tap.came = self._came

    def meet(self, sender: Capabilities | None) -> None:
        """The sender has said what it can, or has not."""
        self._heeded = sender is not None and ARRIVALS in sender.features

    def tick(self) -> None:
        """A few times a second."""
        if not self._heeded or not self._channels.motion.is_open:
            return
        report = self._log.take(now_s=self._now_us() / 1e6)
        if report is not None:
            try:
                self._channels.motion.send(bytes(report))
            except PeerGone:  # whoever watches the channels' state ends the call
                return

    def _came(self, data: bytes) -> None:
        self._log.add(data, now_s=self._now_us() / 1e6)
