"""Stages 6 to 10, the receiving end: messages in, a face out.

    reference channel -> reassemble -> add reference --.
    motion channel -> jitter buffer -> read -> playout -+-> render -> picture -.
    H.264 track --------------------------------------------------------------+-> selection -> track, window, file

Everything runs on the event loop but `add reference`, `read` and `render`, which share one worker thread, and the
window and the files, which have one each; behind that of the window stands a process, `receiver/window.py`.
"""

from receiver.attach import receive_face
from receiver.errors import DisplayError, OptionsError, ReceiverError
from receiver.options import ReceiverOptions
from receiver.picture import Picture
from receiver.receive import FaceReceiver
from receiver.track import FaceTrack

__all__ = [
    "DisplayError",
    "FaceReceiver",
    "FaceTrack",
    "OptionsError",
    "Picture",
    "ReceiverError",
    "ReceiverOptions",
    "receive_face",
]
