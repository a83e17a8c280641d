"""The sending end: pictures of a face in, messages and an H.264 track out.

    capture ─ newest picture ─┬─ worker thread: face, crop, codec.Encoder ─ transmit ─ reference, motion
                              └─ its own thread: libx264 ─ FallbackTrack ─ RTP

On the control channel go mode switches and figures out, keyframe requests, receipts and reports in.

`python -m sender` is the program; `send_face` attaches the same to an application's own connection.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sender.attach import send_face
    from sender.errors import FallbackError, OptionsError, SenderError, SourceError
    from sender.options import SenderOptions
    from sender.send import FaceSender
else:
    # Imported when they are first asked for (PEP 562): a program of ours has to listen to interrupts before that.
    _HOMES = {
        "send_face": "sender.attach",
        "FallbackError": "sender.errors",
        "OptionsError": "sender.errors",
        "SenderError": "sender.errors",
        "SourceError": "sender.errors",
        "SenderOptions": "sender.options",
        "FaceSender": "sender.send",
    }

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value


__all__ = ["FaceSender", "FallbackError", "OptionsError", "SenderError", "SenderOptions", "SourceError", "send_face"]
