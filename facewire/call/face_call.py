"""All stages, both ways: a sender and a receiver on one connection, run and closed together."""

import asyncio
from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection

from receiver import FaceReceiver, FaceTrack, ReceiverOptions, receive_face
from receiver.sound import SoundTrack
from sender import FaceSender, SenderOptions, send_face
from signaling.programs.ends import End, first_error

__all__ = ["FaceCall", "call_face"]

_SENDING, _RECEIVING = SenderOptions(), ReceiverOptions(sound=True)


class FaceCall(End):
    """One end of a call: `sender` and `receiver`, which `run` runs until one of the two has ended or `close` is called.

    `track` and `sound_track` are the other end; whoever shows the one plays the other, for sound is what pictures
    follow.
    """

    def __init__(self, sender: FaceSender, receiver: FaceReceiver) -> None:
        self.sender, self.receiver = sender, receiver

    @property
    def track(self) -> FaceTrack:
        """The other end's picture."""
        return self.receiver.track

    @property
    def sound_track(self) -> SoundTrack:
        """The other end's voice, for one reader."""
        return self.receiver.sound_track

    def figures(self) -> dict[str, Any]:
        """Both meters."""
        return {"sender": self.sender.figures(), "receiver": self.receiver.figures()}

    async def run(self) -> None:
        """Sends and receives. Raises what `FaceSender.run` and `FaceReceiver.run` raise, whichever is first."""
        try:
            async with asyncio.TaskGroup() as group:
                ways = [group.create_task(self.sender.run()), group.create_task(self.receiver.run())]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                await self.close()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None

    async def close(self) -> None:
        """Ends both ways. The connection stays the application's."""
        await self.sender.close()
        await self.receiver.close()


def call_face(
    pc: RTCPeerConnection,
    camera: MediaStreamTrack,
    microphone: MediaStreamTrack | None = None,
    *,
    sending: SenderOptions = _SENDING,
    receiving: ReceiverOptions = _RECEIVING,
    stream: str = "",
    other: str = "",
) -> FaceCall:
    """Attaches both directions of a call to an application's `pc`, before its offer or answer.

    Each end opens the channels of what it sends and takes those of what the other sends, so neither has to know who
    offers. `stream` names what goes and `other` what comes, where the connection carries more than these two. Where
    only one end's `sending` has the mode "keypoints", that one has to be the one that answers: aiortc cannot answer
    without a place for each of its tracks. Raises SourceError for tracks of the wrong kind.
    """
    sender = send_face(pc, camera, sending, stream=stream, sound=microphone)
    return FaceCall(sender, receive_face(pc, receiving, stream=other))
