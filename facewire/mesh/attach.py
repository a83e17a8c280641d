"""All stages, among several: an application's own camera and microphone to several of its own connections."""

from dataclasses import replace

from aiortc import MediaStreamTrack

from facewire.mesh.mesh import FaceMesh
from receiver import ReceiverOptions
from sender import SenderOptions
from sender.attach import make_voice, make_worker
from sender.capture import Capture, TrackSource
from sender.sound import TrackSound

__all__ = ["mesh_face"]

_SENDING, _RECEIVING = SenderOptions(mode="keypoints"), ReceiverOptions(sound=True)


def mesh_face(
    camera: MediaStreamTrack,
    microphone: MediaStreamTrack | None = None,
    *,
    sending: SenderOptions = _SENDING,
    receiving: ReceiverOptions = _RECEIVING,
) -> FaceMesh:
    """Sends a face and a voice to every connection that is attached to the result, and receives one from each:

        async with mesh_face(camera, microphone) as mesh:
            member = mesh.attach(pc, name="Ann")       # before its offer or answer, at any time
            ... await member.track.recv() ... await mesh.sound_track().recv() ...
            await member.wait()                        # until it has left

    What is sent is coded once for all, as keypoints alone. Raises SourceError for tracks of the wrong kind, and
    OptionsError for a mode with H.264.
    """
    voice = None if microphone is None else make_voice(TrackSound(microphone), sending)
    worker = make_worker(replace(sending, mode="keypoints"))
    capture = Capture(TrackSource(camera))
    return FaceMesh(capture, worker=worker, sending=sending, receiving=receiving, voice=voice)
