"""Stage 1 to 6, attach: one track to several of an application's own connections."""

from dataclasses import replace

from aiortc import MediaStreamTrack

from sender.attach import make_worker
from sender.broadcast.broadcast import FaceBroadcast
from sender.capture import Capture, TrackSource
from sender.options import SenderOptions

__all__ = ["broadcast_face"]

_DEFAULTS = SenderOptions(mode="keypoints")


def broadcast_face(track: MediaStreamTrack, options: SenderOptions = _DEFAULTS) -> FaceBroadcast:
    """Sends `track` to every connection that is attached to the result, before its offer or answer:

        async with broadcast_face(camera) as broadcast:
            viewer = broadcast.attach(pc)

    Run the result in a block or its `run` in a task of your own. `await viewer.wait()` returns when that viewer has
    left. Raises SourceError if `track` is no video, OptionsError for a mode with H.264.
    """
    capture, coding = Capture(TrackSource(track)), replace(options, mode="keypoints")
    return FaceBroadcast(capture, worker=make_worker(coding), options=options)
