"""The front door: every public name in one place. What a name is, is said where it is at home.

    from facewire import CodecConfig, Decoder, Encoder                      # the codec: bytes, arrays, no network
    from facewire import ReceiverOptions, SenderOptions, receive_face, send_face   # a face over a connection of yours
    from facewire import FaceCall, call_face               # both directions at once, with sound
    from facewire import FaceMesh, mesh_face               # the same with several, each over a connection of its own
    from facewire import FaceBroadcast, broadcast_face     # one face to several connections, coded once
    from facewire import SignalingClient, connect_peer, ice_configuration   # how two ends meet, where you have no way
    from facewire import CodecError, OptionsError, ReceiverError, SenderError, SignalingError     # what can go wrong

Names are imported when they are first asked for: the codec alone needs neither aiortc nor aiohttp.

What a decoder or a receiver gives is a face that was animated, not recorded. The programs mark it, in the window and in
the metadata of files; pictures handed to an application are unmarked, and the application marks them. Send a face only
with the consent of the person whose face it is (README.md, Ethics).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codec import CodecConfig, CodecError, CodedFrame, Decoder, Encoder, FrameReport, MotionState, __version__
    from facewire.call import FaceCall, call_face
    from facewire.mesh import FaceMesh, mesh_face
    from receiver import FaceReceiver, FaceTrack, Picture, ReceiverError, ReceiverOptions, receive_face
    from sender import FaceBroadcast, FaceSender, SenderError, SenderOptions, broadcast_face, send_face
    from signaling import (
        Channel,
        Channels,
        OptionsError,
        SignalingClient,
        SignalingError,
        connect_peer,
        ice_configuration,
        memory_pair,
    )
else:
    _HOMES = {
        "codec": (
            *("CodecConfig", "CodecError", "CodedFrame", "Decoder", "Encoder", "FrameReport", "MotionState"),
            "__version__",
        ),
        "facewire.call": ("FaceCall", "call_face"),
        "facewire.mesh": ("FaceMesh", "mesh_face"),
        "receiver": ("FaceReceiver", "FaceTrack", "Picture", "ReceiverError", "ReceiverOptions", "receive_face"),
        "sender": ("FaceBroadcast", "FaceSender", "SenderError", "SenderOptions", "broadcast_face", "send_face"),
        "signaling": (
            *("Channel", "Channels", "OptionsError", "SignalingClient", "SignalingError"),
            *("connect_peer", "ice_configuration", "memory_pair"),
        ),
    }

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(home), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Channel",
    "Channels",
    "CodecConfig",
    "CodecError",
    "CodedFrame",
    "Decoder",
    "Encoder",
    "FaceBroadcast",
    "FaceCall",
    "FaceMesh",
    "FaceReceiver",
    "FaceSender",
    "FaceTrack",
    "FrameReport",
    "MotionState",
    "OptionsError",
    "Picture",
    "ReceiverError",
    "ReceiverOptions",
    "SenderError",
    "SenderOptions",
    "SignalingClient",
    "SignalingError",
    "__version__",
    "broadcast_face",
    "call_face",
    "connect_peer",
    "ice_configuration",
    "memory_pair",
    "mesh_face",
    "receive_face",
    "send_face",
]
