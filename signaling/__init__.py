"""Signaling: how two ends meet, and the channels they talk over. Knows no pictures."""

from typing import TYPE_CHECKING

from signaling.lazy import names_of

if TYPE_CHECKING:
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
else:
    __getattr__ = names_of(
        __name__,
        {
            "Call": "signaling.call",
            "connect_peer": "signaling.call",
            "Retry": "signaling.client",
            "SignalingClient": "signaling.client",
            "BindError": "signaling.errors",
            "MessageError": "signaling.errors",
            "OptionsError": "signaling.errors",
            "PeerGone": "signaling.errors",
            "RoomError": "signaling.errors",
            "SignalingError": "signaling.errors",
            "TokenError": "signaling.errors",
            "Unreachable": "signaling.errors",
            "Channel": "signaling.transport.channels",
            "Channels": "signaling.transport.channels",
            "MAX_MESSAGE_BYTES": "signaling.transport.costs",
            "VirtualClock": "signaling.transport.memory",
            "memory_pair": "signaling.transport.memory",
            "accept_channels": "signaling.transport.peer",
            "ice_configuration": "signaling.transport.peer",
            "offer_channels": "signaling.transport.peer",
        },
    )


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
