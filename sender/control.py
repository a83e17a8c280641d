"""Stage 6, control: what the two ends tell each other during a call, and how often a keyframe may be had."""

from collections.abc import Callable
from typing import Protocol

from signaling.errors import MessageError, PeerGone
from signaling.messages import (
    ClockPing,
    ClockPong,
    KeyframeRequest,
    Message,
    ReceiverReport,
    ReferenceReceived,
    decode,
    encode,
)
from signaling.transport.channels import Channel

__all__ = ["ControlDesk", "ControlEvents", "KeyframeGate"]


class ControlEvents(Protocol):
    """Who acts on what the receiver says."""

    def on_keyframe_request(self, request: KeyframeRequest) -> None:
        """The receiver has nothing to show."""

    def on_reference_received(self, received: ReferenceReceived) -> None:
        """The receiver holds a reference."""

    def on_receiver_report(self, report: ReceiverReport) -> None:
        """How the call looks there."""


class KeyframeGate:
    """Grants the receiver's wish for a keyframe, unless one is on its way to it that it did not know of.

    A keyframe that has left answers all wishes until its receipt comes back, or `patience_s` is over; two are at least
    `interval_s` apart. What came too soon is granted later, but never forgotten.
    """

    def __init__(self, *, interval_s: float = 0.5, patience_s: float = 2.0) -> None:
        self._interval_s = interval_s
        self._patience_s = patience_s
        self._sent_s: float | None = None
        self._on_its_way = False
        self._wanted = False

    def ask(self) -> None:
        """A keyframe is wanted."""
        self._wanted = True

    def sent(self, *, now_s: float, receipt: bool) -> None:
        """A keyframe has left, for whatever reason; `receipt` says whether `received` will tell of its arrival."""
        self._sent_s, self._on_its_way = now_s, receipt

    def received(self) -> None:
        """The last one has arrived: older wishes are fulfilled."""
        self._wanted = self._wanted and not self._on_its_way
        self._on_its_way = False

    def take(self, *, now_s: float) -> bool:
        """True if one is to be made now."""
        if not self._wanted:
            return False
        wait_s = self._patience_s if self._on_its_way else self._interval_s
        if self._sent_s is not None and now_s - self._sent_s < wait_s:
            return False
        self._wanted = False
        return True


class ControlDesk:
    """Reads and answers the control channel of one call. A message that makes no sense is counted and forgotten."""

    def __init__(self, channel: Channel, events: ControlEvents, *, clock: Callable[[], float]) -> None:
        self._channel = channel
        self._events = events
        self._clock = clock
        self.refused = 0
        self.sent_bytes = 0
        self.sent_messages = 0
        self.round_trip_ms: float | None = None
        channel.set_receiver(self._read)

    def now_us(self) -> int:
        """This end's clock as it is told to the other."""
        return round(self._clock() * 1e6)

    def send(self, message: Message) -> None:
        """Sends one message; nothing happens while the channel is closed."""
        if not self._channel.is_open:
            return
        data = encode(message)
        try:
            self._channel.send(data)
        except PeerGone:
            return
        self.sent_bytes += len(data)
        self.sent_messages += 1

    def ping(self) -> None:
        """Starts one measurement of the round trip."""
        self.send(ClockPing(sent_us=self.now_us()))

    def _read(self, data: bytes) -> None:
        try:
            message = decode(data)
        except MessageError:
            self.refused += 1
            return
        match message:
            case KeyframeRequest():
                self._events.on_keyframe_request(message)
            case ReferenceReceived():
                self._events.on_reference_received(message)
            case ReceiverReport():
                self._events.on_receiver_report(message)
            case ClockPing(sent_us=sent_us):
                self.send(ClockPong(ping_us=sent_us, pong_us=self.now_us()))
            case ClockPong(ping_us=ping_us):
                self.round_trip_ms = max(0, self.now_us() - ping_us) / 1000
            case _:
                self.refused += 1
