"""Stage 6, transport: one end of a control channel: hears who is there, answers pings, compares clocks."""

from collections import Counter, deque
from collections.abc import Callable

from signaling.errors import MessageError, PeerGone
from signaling.protocol.messages import Capabilities, ClockPing, ClockPong, Message, decode, encode
from signaling.transport.channels import Channel
from signaling.transport.clock import ClockSync

__all__ = ["ControlChannel"]

_PINGS = 16  # without an answer: the control channel is reliable, but may be slow


class ControlChannel:
    """Sends and reads the messages of one control channel. `now_us` is this end's clock, as it is told to the other.

    Whatever is not of this room goes to `heed`, which says whether it knew the message. `on_peer` is told once what the
    other end can: its Capabilities, or None when it talks without having said, as ends of version 0.1 do.

    `counts`, its own or those of its owner, gets "malformed_control" (bytes that are no message), "unexpected_control"
    (none for this end) and "unsent" (the channel was closed).
    """

    def __init__(
        self,
        channel: Channel,
        *,
        now_us: Callable[[], int],
        heed: Callable[[Message], bool],
        on_peer: Callable[[Capabilities | None], None] = lambda peer: None,
        counts: Counter[str] | None = None,
    ) -> None:
        self._channel = channel
        self._now_us = now_us
        self._heed = heed
        self._on_peer = on_peer
        self._heard = False
        self._pinged: deque[int] = deque(maxlen=_PINGS)  # our clock in each ping that has no answer yet
        self.clock = ClockSync()
        self.counts: Counter[str] = Counter() if counts is None else counts
        self.sent_messages = self.sent_bytes = 0
        self.peer: Capabilities | None = None

    @property
    def is_open(self) -> bool:
        """Whether `send` reaches anybody."""
        return self._channel.is_open

    def send(self, message: Message) -> None:
        """Sends one message; one that cannot be sent is counted: whoever watches the channel's state ends the call."""
        data = encode(message)
        try:
            self._channel.send(data)
        except PeerGone:
            self.counts["unsent"] += 1
            return
        self.sent_bytes += len(data)
        self.sent_messages += 1

    def ping(self) -> None:
        """Begins one measurement of round trip and clock offset."""
        sent_us = self._now_us()
        self._pinged.append(sent_us)
        self.send(ClockPing(sent_us=sent_us))

    def receive(self, data: bytes) -> None:
        """Takes one message as it came."""
        try:
            message = decode(data)
        except MessageError:
            self.counts["malformed_control"] += 1
            return
        if isinstance(message, Capabilities):
            self.peer = message
            self._introduced(message)
            return
        if isinstance(message, ClockPing):  # answered before an end has begun to work, and says nothing of it
            self.send(ClockPong(ping_us=message.sent_us, pong_us=self._now_us()))
        elif isinstance(message, ClockPong):
            self._take_pong(message)
        else:
            self._introduced(None)
            if not self._heed(message):
                self.counts["unexpected_control"] += 1

    def _take_pong(self, pong: ClockPong) -> None:
        """The answer to a ping of ours, once; else the other end could tell of any round trip it likes."""
        if pong.ping_us not in self._pinged:
            self.counts["unexpected_control"] += 1
            return
        self._pinged.remove(pong.ping_us)
        self.clock.add(sent_us=pong.ping_us, peer_us=pong.pong_us, received_us=self._now_us())

    def _introduced(self, peer: Capabilities | None) -> None:
        if not self._heard:
            self._heard = True
            self._on_peer(peer)
