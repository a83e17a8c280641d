"""Signaling, messages: the words two ends exchange, and their bytes.

One message is one msgpack map. Two keys are always there: `v`, the version (1), and `t`, the type (the table
`_TYPES`). The other keys are the fields of the dataclass of that type, under their own names. A message travels alone:
in one binary WebSocket frame while two ends meet (`meeting`), in one message of a stream's control channel during a
call (`talk`).

What `decode` holds a message to; anything else raises `MessageError`, and nothing but `MessageError`:

- at most 65,536 bytes, exactly one map, nothing after it, version 1, a known type;
- every field without a default is there; a field with a default may be missing and then has it;
- fields it does not know are ignored, so that a later minor release may add one; a change of meaning needs a new `v`;
- the types are exact: text is msgpack str in UTF-8, a truth value is no number, a whole number is no float (but a whole
  number may stand where a float is expected), floats are finite; texts, lists and maps keep to their lengths (`texts`,
  `quantities`).
"""

import re
from typing import Any, get_args

import msgpack

from signaling.errors import MessageError
from signaling.protocol.fields import Field, Unfit, fields_of
from signaling.protocol.meeting import (
    Answer,
    Bye,
    Candidate,
    Hello,
    Offer,
    PeerJoined,
    PeerLeft,
    Refusal,
    Refused,
    Role,
    Welcome,
)
from signaling.protocol.talk import (
    Capabilities,
    ClockPing,
    ClockPong,
    KeyframeRequest,
    LoadReport,
    Mode,
    ModeSwitch,
    QualityReport,
    ReceiverReport,
    ReferenceReceived,
)

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
