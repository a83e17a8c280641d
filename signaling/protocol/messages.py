"""Signaling, messages: the words two ends exchange, and their bytes.

One message is one msgpack map. Two keys are always there: `v`, the version (1), and `t`, the type (the table
`_TYPES`). The other keys are the fields of the dataclass of that type, under their own names. A message travels alone:
in one binary WebSocket frame while two ends meet, in one message of a stream's control channel during a call.

What `decode` holds a message to; anything else raises `MessageError`, and nothing but `MessageError`:

- at most 65,536 bytes, exactly one map, nothing after it, version 1, a known type;
- every field without a default is there; a field with a default may be missing and then has it;
- fields it does not know are ignored, so that a later minor release may add one; a change of meaning needs a new `v`;
- the types are exact: text is msgpack str in UTF-8, a truth value is no number, a whole number is no float (but a whole
  number may stand where a float is expected), floats are finite, texts, lists and maps keep to the lengths below.

Meeting, over WebSocket: `room` names the place, `end` is the random name that one process chose for itself: a peer
recognises a returning end by it, the server by `secret` besides, which it tells nobody. `call` is the random name that
the offering end gives one attempt; answer, candidates and bye repeat it, and those of earlier attempts are left out.
A room has one sender, and one receiver or as many `viewers` as its sender said. Where that is more than one, the sender
says in `to` which of them a message is for, and knows by `call` who answers; receivers notice nothing of each other.

    hello         an end -> the server, first: room, role, end, token, secret
    welcome       the server -> an end: it is in; who is there already
    refused       the server -> an end: it is not in, or no longer; then the socket closes
    peer-joined, peer-left            the server -> an end: the other role has (another) end now; is empty
    offer, answer, candidate, bye     relayed by the server to the other end, unread

During the call, over the control channel: first capabilities, from both; from the receiver keyframe-request,
reference-received, receiver-report, load-report; from the sender mode-switch, quality-report; clock-ping from either.
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import msgpack

from signaling.errors import MessageError
from signaling.protocol import quantities
from signaling.protocol.fields import Field, Longest, Unfit, fields_of

__all__ = [
    "MAX_BYTES",
    "VERSION",
    "Answer",
    "Bye",
    "Candidate",
    "Capabilities",
    "ClockPing",
    "ClockPong",
    "Hello",
    "KeyframeRequest",
    "LoadReport",
    "Message",
    "Mode",
    "ModeSwitch",
    "Offer",
    "PeerJoined",
    "PeerLeft",
    "QualityReport",
    "ReceiverReport",
    "ReferenceReceived",
    "Refusal",
    "Refused",
    "Role",
    "Welcome",
    "decode",
    "encode",
]

VERSION = 1
MAX_BYTES = 65_536

Role = Literal["sender", "receiver"]
Mode = Literal["keypoints", "h264", "compare"]
Refusal = Literal["token", "taken", "full", "name", "message", "expired", "closing", "busy"]

Name = Annotated[str, Longest(64)]
Text = Annotated[str, Longest(256)]
Sdp = Annotated[str, Longest(60_000)]
Names = Annotated[tuple[Name, ...], Longest(32)]


@dataclass(frozen=True, slots=True)
class Hello:
    """First word of an end: where it wants to be, and as what; `secret` proves that a seat there was its own.

    `viewers` of a sender: to how many receivers it sends at a time.
    """

    room: Name
    role: Role
    end: Name
    token: Text = dataclasses.field(default="", repr=False)
    secret: Text = dataclasses.field(default="", repr=False)
    viewers: quantities.Viewers = 1


@dataclass(frozen=True, slots=True)
class Welcome:
    """The end is in the room. `peer` names the other end, "" when the other role is empty.

    `viewers` is how many receivers the room takes; where that is more than one, `peers` tells the sender all of them.
    """

    peer_present: bool
    peer: Name = ""
    viewers: quantities.Viewers = 1
    peers: Names = ()


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """The other role is taken by `peer` from now on; where it has one place, an earlier holder is gone."""

    role: Role
    peer: Name


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The other role is empty from now on; with `peer`, that end of it has left, and others may be there."""

    role: Role
    peer: Name = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """SDP offer (RFC 3264, RFC 8829) of the sender, opening the attempt `call`."""

    sdp: Sdp
    call: Name = ""
    to: Name = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """SDP answer of the receiver to the offer of the same `call`."""

    sdp: Sdp
    call: Name = ""
    to: Name = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trickled ICE candidate (RFC 8838), `candidate` as in SDP; "" says that no more will come."""

    candidate: Annotated[str, Longest(1024)]
    sdp_mid: Name | None = None
    sdp_mline_index: quantities.SectionIndex | None = None
    call: Name = ""
    to: Name = ""


@dataclass(frozen=True, slots=True)
class Bye:
    """The end hangs up."""

    reason: Text = ""
    call: Name = ""
    to: Name = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server lets an end go: `reason` for programs, `detail` for people. After `busy` it may try again later."""

    reason: Refusal
    detail: Text = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """First word of each end on the control channel: what it understands. Without it, an end is as those of 0.1 were.

    `end` says what it is ("sender", "receiver"), `software` which. `protocol` counts changes of what these messages
    mean; `bitstreams` are versions of coded frames, `weights` ids of weight files (hexadecimal), `sizes` sides of the
    square. `h264_mid` is the media id (RFC 8843) of the sender's H.264 track, if any; `features` what else it can.
    """

    end: Name
    software: Text = ""
    protocol: quantities.Protocol = 1
    bitstreams: quantities.Versions = ()
    weights: Names = ()
    sizes: quantities.Sides = ()
    h264_mid: Name | None = None
    features: Names = ()


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """The receiver has no usable reference: send a keyframe. `reason` is for the log."""

    reason: Text = ""


@dataclass(frozen=True, slots=True)
class ReferenceReceived:
    """The receiver holds reference `reference_id` whole; it came with the frame `number` (modulo 256)."""

    reference_id: quantities.ReferenceId
    number: quantities.FrameNumber


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """How the call looks at the receiver; about one each two seconds.

    `loss` is the part of motion messages lost since the last report, `delay_ms` capture to display (None until clocks
    are compared), `fps` pictures a second, `jitter_ms` as in RFC 3550, 6.4.1, `references` the ids held, `sound_loss`
    of sound's frames at the first try (None: there were none), `h264_loss` of packets, `received_` payload.
    """

    loss: quantities.Loss
    delay_ms: quantities.DelayMs | None
    fps: quantities.Fps
    jitter_ms: quantities.SpreadMs
    references: quantities.ReferenceIds = ()
    received_bytes_motion: quantities.Count = 0
    received_bytes_reference: quantities.Count = 0
    received_bytes_h264: quantities.Count = 0
    received_messages_motion: quantities.Count = 0
    received_messages_reference: quantities.Count = 0
    received_packets_h264: quantities.Count = 0
    sound_loss: quantities.Loss | None = None
    h264_loss: quantities.Loss | None = None


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Decoding is much of the time there is: for senders with the feature "load", which then ask for less work."""

    load: quantities.Load


@dataclass(frozen=True, slots=True)
class ModeSwitch:
    """From the picture `pts` (1/90000 s) on, `mode` carries the call; "compare" sends both and shows keypoints."""

    mode: Mode
    pts: quantities.Ticks


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What the sender measured in its own loop about the pictures up to `pts` (1/90000 s); PSNR in RGB.

    `figures` are the sender's meter, flat, for the receiver to show; their names belong to the meter.
    """

    pts: quantities.Ticks
    keypoints_psnr_db: quantities.PsnrDb | None
    h264_psnr_db: quantities.PsnrDb | None
    mode: Mode
    figures: quantities.Figures = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClockPing:
    """Sent at `sent_us` on the clock of the end that asks."""

    sent_us: quantities.ClockUs


@dataclass(frozen=True, slots=True)
class ClockPong:
    """Answer to the ping sent at `ping_us`; `pong_us` is the clock of the end that answers."""

    ping_us: quantities.ClockUs
    pong_us: quantities.ClockUs


Message = (
    Hello
    | Welcome
    | PeerJoined
    | PeerLeft
    | Offer
    | Answer
    | Candidate
    | Bye
    | Refused
    | Capabilities
    | KeyframeRequest
    | ReferenceReceived
    | ReceiverReport
    | LoadReport
    | ModeSwitch
    | QualityReport
    | ClockPing
    | ClockPong
)

# By name: each class's own in small letters, "keyframe-request".
_TYPES: dict[str, type[Message]] = {re.sub("(?<=.)(?=[A-Z])", "-", c.__name__).lower(): c for c in get_args(Message)}
_NAMES = {cls: name for name, cls in _TYPES.items()}


def encode(message: Message) -> bytes:
    """The bytes of `message`, without fields that say nothing. Raises MessageError when `decode` would refuse them."""
    name = _NAMES[type(message)]
    values = [(field, getattr(message, field.name)) for field in _FIELDS[name]]
    content = {field.name: _checked(name, field, value) for field, value in values if field.says(value)}
    data: bytes = msgpack.packb({"v": VERSION, "t": name, **content})
    if len(data) > MAX_BYTES:
        raise MessageError(f"{name}: {len(data)} bytes are more than {MAX_BYTES}")
    return data


def decode(data: bytes) -> Message:
    """The message in `data`. Raises MessageError, and nothing else, on anything the module's text does not allow."""
    if len(data) > MAX_BYTES:
        raise MessageError(f"a message of {len(data)} bytes is over {MAX_BYTES}")
    content = _unpack(data)
    version, name = content.get("v"), content.get("t")
    if type(version) is not int or version != VERSION:
        raise MessageError(f"message version {version!r:.40}, expected {VERSION}")
    if not isinstance(name, str) or name not in _TYPES:
        raise MessageError(f"unknown message type {name!r:.40}")
    values: dict[str, Any] = {}
    for field in _FIELDS[name]:
        if field.name in content:
            values[field.name] = _checked(name, field, content[field.name])
        elif field.required:
            raise MessageError(f"{name}: {field.name} is missing")
    return _TYPES[name](**values)


def _checked(name: str, field: Field, value: object) -> Any:
    try:
        return field.check(value)
    except Unfit as unfit:
        raise MessageError(f"{name}: {field.name} {unfit}") from None


def _unpack(data: bytes) -> dict[str, object]:
    try:
        content = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise MessageError(f"not a message: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise MessageError("not a message: no map")
    return content


_FIELDS = {name: fields_of(cls) for name, cls in _TYPES.items()}
