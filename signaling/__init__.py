"""Signaling: how two ends meet, and the channels they talk over. Knows no pictures."""

from signaling.channels import MAX_MESSAGE_BYTES, Channel, Channels
from signaling.errors import BindError, MessageError, PeerGone, RoomError, SignalingError, TokenError, Unreachable
from signaling.memory import VirtualClock, memory_pair
from signaling.peer import ice_configuration, open_channels

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BindError",
    "Channel",
    "Channels",
    "MessageError",
    "PeerGone",
    "RoomError",
    "SignalingError",
    "TokenError",
    "Unreachable",
    "VirtualClock",
    "ice_configuration",
    "memory_pair",
    "open_channels",
]
