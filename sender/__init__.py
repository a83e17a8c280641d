"""The sending end: pictures of a face in, messages and an H.264 track out.

    capture ─ newest picture ─┬─ worker thread: face, crop, codec.Encoder ─ transmit ─ reference, motion
                              └─ its own thread: libx264 ─ FallbackTrack ─ RTP

On the control channel go mode switches and figures out, keyframe requests, receipts and reports in.

`python -m sender` is the program; `send_face` attaches the same to an application's own connection, `broadcast_face`
to several of them: coded once, each viewer with a line of its own.
"""

from typing import TYPE_CHECKING

from signaling.lazy import names_of

if TYPE_CHECKING:
    from sender.attach import send_face
    from sender.broadcast import FaceBroadcast, Viewer, broadcast_face
    from sender.errors import FallbackError, OptionsError, SenderError, SourceError
    from sender.options import SenderOptions
    from sender.send import FaceSender
else:
    __getattr__ = names_of(
        __name__,
        {
            "send_face": "sender.attach",
            "FaceBroadcast": "sender.broadcast",
            "Viewer": "sender.broadcast",
            "broadcast_face": "sender.broadcast",
            "FallbackError": "sender.errors",
            "OptionsError": "sender.errors",
            "SenderError": "sender.errors",
            "SourceError": "sender.errors",
            "SenderOptions": "sender.options",
            "FaceSender": "sender.send",
        },
    )


__all__ = [
    "FaceBroadcast",
    "FaceSender",
    "FallbackError",
    "OptionsError",
    "SenderError",
    "SenderOptions",
    "SourceError",
    "Viewer",
    "broadcast_face",
    "send_face",
]
