"""Stages 6 to 10, attach: the receiving end on an application's own connection."""

from aiortc import RTCPeerConnection

from receiver.h264.fallback import FallbackSource
from receiver.options import ReceiverOptions
from receiver.receive import FaceReceiver
from signaling.transport.peer import accept_channels

__all__ = ["receive_face"]

_DEFAULTS = ReceiverOptions()


def receive_face(
    pc: RTCPeerConnection,
    options: ReceiverOptions = _DEFAULTS,
    *,
    stream: str = "",
    offers: bool = False,
    alone: bool = False,
) -> FaceReceiver:
    """Attaches a receiver to `pc`, ours or an application's; call it before the offer or answer is made.

    `stream` names the face to take, where the connection carries several; else it is the first that nobody else here
    has taken. With `offers`, `pc` makes the offer without sending a face itself, and the places for one are put into
    it. `alone` says that the application receives nothing else over `pc`: then nothing else is decoded, whatever the
    other end sends. The application runs the result in a block (`async with`), or `FaceReceiver.run` in a task of its
    own, shows `FaceReceiver.track`, and closes the receiver before `pc`.
    """
    channels = accept_channels(pc, stream=stream, offers=offers)
    if offers and not any(transceiver.kind == "video" for transceiver in pc.getTransceivers()):
        pc.addTransceiver("video", direction="recvonly")
    return FaceReceiver(channels, options=options, fallback=FallbackSource(pc, alone=alone))
