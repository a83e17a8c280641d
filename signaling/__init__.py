"""Signaling: how two ends meet, and the channels they talk over. Knows no pictures."""

from signaling.call import Call, connect_peer
from signaling.client import Retry, SignalingClient
from signaling.errors import BindError, MessageError, PeerGone, RoomError, SignalingError, TokenError, Unreachable
from signaling.transport.channels import MAX_MESSAGE_BYTES, Channel, Channels
from signaling.transport.memory import VirtualClock, memory_pair
from signaling.transport.peer import ice_configuration, open_channels

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BindError",
    "Call",
    "Channel",
    "Channels",
    "MessageError",
    "PeerGone",
    "Retry",
    "RoomError",
    "SignalingClient",
    "SignalingError",
    "TokenError",
    "Unreachable",
    "VirtualClock",
    "connect_peer",
    "ice_configuration",
    "memory_pair",
    "open_channels",
]
