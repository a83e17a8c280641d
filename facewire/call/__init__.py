"""A call: both directions on one connection, with sound; one owner of what goes and what comes."""

from facewire.call.face_call import FaceCall, call_face

__all__ = ["FaceCall", "call_face"]
