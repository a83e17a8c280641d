"""Stage 6, meters of several: what one viewer is sent is counted for it, and for all of them."""

from dataclasses import dataclass

from sender.transmit import MessageMeter

__all__ = ["Both"]


@dataclass(frozen=True, slots=True)
class Both:
    """Counts a message twice: for its viewer, and for all of them."""

    own: MessageMeter
    total: MessageMeter

    def message(self, *, payload_bytes: int, message_bytes: int) -> None:
        self.own.message(payload_bytes=payload_bytes, message_bytes=message_bytes)
        self.total.message(payload_bytes=payload_bytes, message_bytes=message_bytes)
