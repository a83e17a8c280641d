"""Stage 1 to 6, attach: one track to several of an application's own connections."""

from dataclasses import replace

from aiortc import MediaStreamTrack

from sender.attach import make_voice, make_worker
from sender.broadcast.broadcast import FaceBroadcast
from sender.capture import Capture, TrackSource
from sender.options import SenderOptions
from sender.sound import TrackSound

__all__ = ["broadcast_face"]

_DEFAULTS = SenderOptions(mode="keypoints")


def broadcast_face(
    track: MediaStreamTrack, options: SenderOptions = _DEFAULTS, *, sound: MediaStreamTrack | None = None
) -> FaceBroadcast:
    """Sends `track` to every connection that is attached to the result, before its offer or answer:

        async with broadcast_face(camera) as broadcast:
            viewer = broadcast.attach(pc)

    Run the result in a block or its `run` in a task of your own. `await viewer.wait()` returns when that viewer has
    left. `sound` is an audio track, which goes to those that take sound. Raises SourceError if `track` is no video or
    `sound` no audio, OptionsError for a mode with H.264.
    """
    capture, coding = Capture(TrackSource(track)), replace(options, mode="keypoints")
    voice = None if sound is None else make_voice(TrackSound(sound), options)
    return FaceBroadcast(capture, worker=make_worker(coding), options=options, voice=voice)
