"""Stage 6, transport: the named channels of a stream, whatever carries them."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from signaling.errors import MessageError
from signaling.transport.costs import MAX_MESSAGE_BYTES

__all__ = ["Channel", "ChannelCallbacks", "Channels", "Tap", "check_message"]


# Messages kept while nobody listens yet: a whole reference picture and the reports around it.
KEPT_MESSAGES = 64


class Channel(Protocol):
    """One message channel to the other end. Everything happens on the event loop that made it."""

    @property
    def label(self) -> str:
        """`facewire/STREAM/reference`, `.../motion`, `.../control` or `.../sound`."""

    @property
    def is_open(self) -> bool:
        """Whether `send` is allowed now."""

    @property
    def buffered_amount(self) -> int:
        """Bytes handed to `send` on this channel that the transport has not begun to send."""

    def send(self, data: bytes) -> None:
        """Queues one message of 1 to MAX_MESSAGE_BYTES bytes; never waits.

        Raises MessageError for another length, PeerGone when the channel is not open.
        """

    def set_receiver(self, callback: Callable[[bytes], None]) -> None:
        """Each arriving message goes to `callback` from now on.

        The last few messages that came before there was a callback are handed over at once.
        """

    def set_state(self, callback: Callable[[bool], None]) -> None:
        """`callback(True)` when the channel opens, `callback(False)` when it closes; at once if it is open already."""

    def close(self) -> None:
        """Closes the channel at both ends; closing a closed channel does nothing."""


class ChannelCallbacks(ABC):
    """The receiving half of a Channel, the same whatever carries it: who is told of messages and of its state."""

    def __init__(self) -> None:
        self._receiver: Callable[[bytes], None] | None = None
        self._state: Callable[[bool], None] | None = None
        self._early: deque[bytes] = deque(maxlen=KEPT_MESSAGES)

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether the channel is open now."""

    def set_receiver(self, callback: Callable[[bytes], None]) -> None:
        """See `Channel.set_receiver`."""
        self._receiver = callback
        while self._early:
            callback(self._early.popleft())

    def set_state(self, callback: Callable[[bool], None]) -> None:
        """See `Channel.set_state`."""
        self._state = callback
        if self.is_open:
            callback(True)

    def hear(self, data: bytes) -> None:
        """A message has come."""
        if self._receiver is None:
            self._early.append(data)
        else:
            self._receiver(data)

    def tell(self, is_open: bool) -> None:
        """The channel has opened or closed."""
        if self._state is not None:
            self._state(is_open)


def check_message(data: bytes) -> None:
    """Raises MessageError unless `data` has a length that a channel carries."""
    if not 0 < len(data) <= MAX_MESSAGE_BYTES:
        raise MessageError(f"a channel message of {len(data)} bytes; 1 to {MAX_MESSAGE_BYTES} are allowed")


@dataclass(slots=True)
class Tap:
    """Who listens in on a stream's channels: `sent` with True where the transport sends again what gets lost."""

    sent: Callable[[bytes, bool], None] = lambda data, resent: None
    came: Callable[[bytes], None] = lambda data: None


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of one stream: three of a face, and one of its voice where there is one.

    All share one first-in-first-out queue in the transport below (one SCTP association), so what matters for the delay
    of a motion message is what waits in front of it on any channel: `queued_bytes`.
    """

    reference: Channel  # reliable, ordered: the reference pictures
    motion: Channel  # unordered, never sent twice: the motion of each frame
    control: Channel  # reliable, ordered: `signaling.protocol.messages`
    sound: Channel | None = field(default=None, kw_only=True)  # unordered, never sent twice; opens with the others
    tap: Tap = field(default_factory=Tap, kw_only=True)  # told of all messages, where the channels are `tapped`
    flying: Callable[[], int | None] = field(default=lambda: None, kw_only=True)  # see `bytes_on_their_way`
    extra: Callable[[], int] = field(default=lambda: 0, kw_only=True)  # bytes of each packet beyond UDP over IPv4
    hurry: Callable[[bool], None] = field(default=lambda does: None, kw_only=True)  # see `insides.timeouts`
    hears: bool = field(default=True, kw_only=True)  # False: nobody is at the other end, nothing will be asked for
    longest: int = field(default=MAX_MESSAGE_BYTES, kw_only=True)  # bytes that one message may have
    in_order: bool = field(default=False, kw_only=True)  # all that has left arrives, on all channels in one order

    @property
    def is_open(self) -> bool:
        """Whether the three channels of a face are open."""
        return self.reference.is_open and self.motion.is_open and self.control.is_open

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait in front of a message sent now, on whichever channel.

        Not counted: what has left the queue but is not acknowledged yet (the congestion window), and channels that the
        application opened on the same connection.
        """
        sound_bytes = 0 if self.sound is None else self.sound.buffered_amount
        return self.reference.buffered_amount + self.motion.buffered_amount + self.control.buffered_amount + sound_bytes

    def close(self) -> None:
        """Closes the channels, and leaves the connection below them alone."""
        self.reference.close()
        self.motion.close()
        self.control.close()
        if self.sound is not None:
            self.sound.close()
