"""Stage 6, SFU mux: all channels of a stream in the one data channel that Janus forwards. Pure, on any Channel.

Each message of that channel is one of the stream's, behind one byte: the version (1) in its upper half, the kind in the
lower one:

    0 reference   1 motion   2 control   3 sound        the sender's messages, to all viewers
    4 wish                                              of a viewer, upstream: see `upstream`

A message of another version or kind, or without anything behind the byte, is counted and left alone.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from signaling.errors import MessageError
from signaling.transport.channels import Channel, ChannelCallbacks, Channels
from signaling.transport.costs import MAX_MESSAGE_BYTES

__all__ = ["LONGEST", "VERSION", "Kind", "Multiplexer", "MuxChannel", "MuxMessage"]

VERSION = 1
LONGEST = MAX_MESSAGE_BYTES - 1  # of a stream's own message


class Kind(IntEnum):
    """Which channel of the stream a message belongs to."""

    REFERENCE = 0
    MOTION = 1
    CONTROL = 2
    SOUND = 3
    WISH = 4


@dataclass(frozen=True, slots=True)
class MuxMessage:
    """One message as Janus forwards it."""

    kind: Kind
    data: bytes

    def __bytes__(self) -> bytes:
        """Raises MessageError for a length that cannot go in one packet."""
        if not 0 < len(self.data) <= LONGEST:
            raise MessageError(f"a message of {len(self.data)} bytes; 1 to {LONGEST} go through an SFU")
        return bytes((VERSION << 4 | self.kind,)) + self.data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises MessageError for anything that `bytes` of a message would not be."""
        if not 2 <= len(data) <= MAX_MESSAGE_BYTES:
            raise MessageError(f"a message of {len(data)} bytes")
        version, kind = data[0] >> 4, data[0] & 15
        if version != VERSION:
            raise MessageError(f"a message of version {version}, expected {VERSION}")
        if kind > max(Kind):
            raise MessageError(f"a message of unknown kind {kind}")
        return cls(Kind(kind), data[1:])


class MuxChannel(ChannelCallbacks):
    """One channel of the stream; see `signaling.transport.channels.Channel`."""

    def __init__(self, kind: Kind, multiplexer: "Multiplexer") -> None:
        super().__init__()
        self._kind, self._multiplexer = kind, multiplexer
        self.label = f"facewire/sfu/{kind.name.lower()}"

    @property
    def is_open(self) -> bool:
        return self._multiplexer.carrier.is_open

    @property
    def buffered_amount(self) -> int:
        return self._multiplexer.queued(self._kind)

    def send(self, data: bytes) -> None:
        self._multiplexer.send(MuxMessage(self._kind, data))

    def close(self) -> None:
        self._multiplexer.carrier.close()


class Multiplexer:
    """The channels of one stream over `carrier`. `heard` is told of each message. `counts` has "malformed_mux"."""

    def __init__(self, carrier: Channel, *, heard: Callable[[], None] = lambda: None) -> None:
        self.carrier = carrier
        self._heard = heard
        self.counts: Counter[str] = Counter()
        self._own = {kind: MuxChannel(kind, self) for kind in Kind}
        self._waiting: deque[tuple[Kind, int]] = deque()  # handed over: those that the carrier has not begun to send
        self._waiting_bytes = 0
        carrier.set_receiver(self._take)
        carrier.set_state(self._tell)

    def channel(self, kind: Kind) -> MuxChannel:
        """One channel of the stream."""
        return self._own[kind]

    def channels(self, *, control: Channel, flying: Callable[[], int | None], extra: Callable[[], int]) -> Channels:
        """The channels of the stream, of which `control` is the multiplexer's own or what stands for it."""
        return Channels(
            reference=self._own[Kind.REFERENCE],
            motion=self._own[Kind.MOTION],
            control=control,
            sound=self._own[Kind.SOUND],
            flying=flying,
            extra=extra,
            longest=LONGEST,
            in_order=True,
        )

    def send(self, message: MuxMessage) -> None:
        """Hands one message to the carrier. Raises MessageError for its length, PeerGone where that is closed."""
        data = bytes(message)
        self.carrier.send(data)
        self._waiting.append((message.kind, len(data)))
        self._waiting_bytes += len(data)
        self._settle()

    def queued(self, kind: Kind) -> int:
        """Bytes of one channel that the carrier has not begun to send. The carrier sends in order."""
        self._settle()
        return sum(size for one, size in self._waiting if one is kind)

    def _settle(self) -> None:
        queued = self.carrier.buffered_amount
        while self._waiting and self._waiting_bytes > queued:
            self._waiting_bytes -= self._waiting.popleft()[1]

    def _take(self, data: bytes) -> None:
        self._heard()
        try:
            message = MuxMessage.parse(data)
        except MessageError:
            self.counts["malformed_mux"] += 1
            return
        self._own[message.kind].hear(message.data)

    def _tell(self, is_open: bool) -> None:
        for channel in self._own.values():
            channel.tell(is_open)
