"""Signaling: how two ends meet, and the channels they talk over. Knows no pictures."""

from signaling.call import Call, connect_peer
from signaling.client import Retry, SignalingClient
from signaling.errors import (
    BindError,
    MessageError,
    OptionsError,
    PeerGone,
    RoomError,
    SignalingError,
    TokenError,
    Unreachable,
)
from signaling.transport.channels import Channel, Channels
from signaling.transport.costs import MAX_MESSAGE_BYTES
from signaling.transport.memory import VirtualClock, memory_pair
from signaling.transport.peer import accept_channels, ice_configuration, offer_channels

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BindError",
    "Call",
    "Channel",
    "Channels",
    "MessageError",
    "OptionsError",
    "PeerGone",
    "Retry",
    "RoomError",
    "SignalingClient",
    "SignalingError",
    "TokenError",
    "Unreachable",
    "VirtualClock",
    "accept_channels",
    "connect_peer",
    "ice_configuration",
    "memory_pair",
    "offer_channels",
]
