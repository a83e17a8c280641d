"""Stage 6, SFU upstream: what viewers ask of the sender, as texts of Janus's TextRoom, and how rarely they do. Pure.

A wish is one message of the control channel, with the random number that its viewer gave itself, so that one that asks
again and again is known. As bytes: the byte of kind 4 (`mux`), four bytes of number, the message. As a text: those in
base64 (RFC 4648, 4), because the TextRoom carries texts.

Any number of viewers may be there, so a viewer says only what somebody has to know, and the less often, the more there
are (as in RFC 3550, 6.2): the sender tells now and then how many it hears of.
"""

import base64
import binascii
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from signaling.backoff import Restraint
from signaling.errors import MessageError, PeerGone
from signaling.protocol.messages import (
    Capabilities,
    ClockPing,
    ClockPong,
    KeyframeRequest,
    Message,
    QualityReport,
    ReceiverReport,
    decode,
    encode,
)
from signaling.protocol.quantities import VIEWERS
from signaling.sfu.mux import Kind, MuxChannel, MuxMessage
from signaling.transport.channels import ChannelCallbacks, check_message

__all__ = ["UpstreamControl", "UpstreamGate", "Wish"]

_NUMBER_BYTES = 4
_LONGEST_TEXT = 1600  # of the longest message, in base64
_FIRST_PINGS, _FIRST_PING_S = 4, 5.0
_PING_S, _REPORT_S = 60.0, 30.0  # at least; of all viewers together one ping and two reports each two seconds at most
_PINGS = 16


@dataclass(frozen=True, slots=True)
class Wish:
    """One message of a viewer."""

    viewer: int  # 0 to 2^32 - 1
    message: Message

    def text(self) -> str:
        """As the TextRoom carries it. Raises MessageError for a message that is too long."""
        data = self.viewer.to_bytes(_NUMBER_BYTES, "big") + encode(self.message)
        return base64.b64encode(bytes(MuxMessage(Kind.WISH, data))).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises MessageError, and nothing else, for a text that is none."""
        if len(text) > _LONGEST_TEXT:
            raise MessageError(f"a wish of {len(text)} characters")
        try:
            data = base64.b64decode(text.encode("ascii"), validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise MessageError("a wish that is no base64") from None
        message = MuxMessage.parse(data)
        if message.kind is not Kind.WISH:
            raise MessageError(f"a wish of kind {message.kind}")
        if len(message.data) <= _NUMBER_BYTES:
            raise MessageError("a wish that says nothing")
        return cls(int.from_bytes(message.data[:_NUMBER_BYTES], "big"), decode(message.data[_NUMBER_BYTES:]))


class UpstreamGate:
    """Which of the messages that a receiver has for its sender go to one that sends to very many. Pure.

    - A wish for a keyframe at once; the next not before four seconds, then eight, up to a minute: what is wished for is
      remembered there until it is granted.
    - The first four pings five seconds apart, then one a minute; a report each 30 s, from 30 s on. With many `viewers`
      more rarely.
    """

    def __init__(self) -> None:
        self.viewers = 1
        self._pings = 0
        self._pinged_s = -math.inf
        self._reported_s = math.inf  # there is nothing to report yet
        self._asking = Restraint(first_wait_s=4.0, longest_wait_s=60.0)

    def lets_through(self, message: Message, *, now_s: float) -> bool:
        """Whether this one goes; the others are of no use, or too many."""
        match message:
            case KeyframeRequest():
                if allowed := self._asking.allows(now_s):
                    self._asking.helped(now_s)
                return allowed
            case ClockPing():
                few = self._pings < _FIRST_PINGS
                if now_s - self._pinged_s < (_FIRST_PING_S if few else max(_PING_S, 2.0 * self.viewers)):
                    return False
                self._pings, self._pinged_s = self._pings + 1, now_s
                return True
            case ReceiverReport():
                self._reported_s = min(self._reported_s, now_s)
                if now_s - self._reported_s < max(_REPORT_S, self.viewers):
                    return False
                self._reported_s = now_s
                return True
        return False


class UpstreamControl(ChannelCallbacks):
    """A viewer's control channel: what it hears comes with the stream, what it says goes to `post`.

    It is open from the start: Janus opens a viewer's channel no sooner than something comes through it, and for that
    the sender may have to be told first that there is somebody. What is said to all before this viewer has heard who
    sends is left out, and so are answers to others' pings.
    """

    def __init__(
        self, stream: MuxChannel, *, viewer: int, post: Callable[[Wish], None], now_s: Callable[[], float]
    ) -> None:
        super().__init__()
        self.label = stream.label
        self._stream, self._viewer, self._post, self._now_s = stream, viewer, post, now_s
        self._gate = UpstreamGate()
        self._pinged: deque[int] = deque(maxlen=_PINGS)
        self._knows_sender, self._is_open = False, True
        self.buffered_amount = 0
        stream.set_receiver(self._on_message)
        stream.set_state(self._on_state)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def send(self, data: bytes) -> None:
        check_message(data)
        if not self.is_open:
            raise PeerGone(f"{self.label} is not open")
        message = decode(data)
        if self._gate.lets_through(message, now_s=self._now_s()):
            if isinstance(message, ClockPing):
                self._pinged.append(message.sent_us)
            self._post(Wish(self._viewer, message))

    def close(self) -> None:
        self._stream.close()
        self._on_state(False)

    def _on_state(self, is_open: bool) -> None:
        if not is_open and self._is_open:
            self._is_open = False
            self.tell(False)

    def _on_message(self, data: bytes) -> None:
        try:
            message = decode(data)
        except MessageError:
            self.hear(data)  # it is counted there
            return
        self._knows_sender |= isinstance(message, Capabilities)
        if isinstance(message, QualityReport):
            self._gate.viewers = round(message.figures.get(VIEWERS, 1))
        is_for_us = message.ping_us in self._pinged if isinstance(message, ClockPong) else self._knows_sender
        if is_for_us:
            self.hear(data)
