"""The sending end: pictures of a face in, messages and an H.264 track out.

    capture ─ newest picture ─┬─ worker thread: face, crop, codec.Encoder ─ transmit ─ reference, motion
                              └─ its own thread: libx264 ─ FallbackTrack ─ RTP

On the control channel go mode switches and figures out, keyframe requests, receipts and reports in.

`python -m sender` is the program; `send_face` attaches the same to an application's own connection.
"""

from sender.attach import send_face
from sender.errors import FallbackError, OptionsError, SenderError, SourceError
from sender.options import SenderOptions
from sender.send import FaceSender

__all__ = ["FaceSender", "FallbackError", "OptionsError", "SenderError", "SenderOptions", "SourceError", "send_face"]
