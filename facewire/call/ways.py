"""All stages, ways: what a call sends to one other end and takes from it, alone with it or among several."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from aiortc import RTCPeerConnection

from facewire.call.face_call import FaceCall
from facewire.mesh import FaceMesh
from receiver import FaceReceiver, ReceiverOptions, receive_face
from sender import FaceSender, SenderOptions
from sender.capture import Capture
from sender.encode import FaceWorker
from sender.h264.fallback import add_h264_track
from sender.sound.flow import SharedFlow
from sender.sound.voice import Voice
from signaling.transport.insides.internals import connection_stats
from signaling.transport.peer import offer_channels

__all__ = ["Alone", "Among", "Source", "Way"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What there is to send, to however many, and how it is sent and received."""

    capture: Capture
    worker: FaceWorker
    voice: Voice | None
    sending: SenderOptions
    receiving: ReceiverOptions


class Way(Protocol):
    """Both directions over one connection, made before its offer or answer."""

    receiver: FaceReceiver

    @property
    def ended(self) -> str:
        """Why `run` returned."""

    def begin(self, say: Callable[[str], None]) -> Callable[[], None]:
        """The connection is there. What asks the other end for a sign of life is returned."""

    async def run(self) -> None:
        """Sends and receives until either ends. Raises what the two raise."""

    async def close(self) -> None:
        """Ends both. The connection stays whose it is."""


class Alone:
    """With one other end: its line alone says how the picture is coded, and H.264 takes over where it is better."""

    def __init__(self, pc: RTCPeerConnection, source: Source, *, offers: bool) -> None:
        self._pc, self._source = pc, source
        self._channels = offer_channels(pc, sound=source.voice is not None)
        self._video = add_h264_track(pc) if source.sending.mode != "keypoints" else None
        self.receiver = receive_face(pc, source.receiving, offers=offers, alone=True)
        self._call: FaceCall | None = None

    @property
    def ended(self) -> str:
        """See Way."""
        return "" if self._call is None else self._call.sender.ended

    def begin(self, say: Callable[[str], None]) -> Callable[[], None]:
        """See Way."""
        source = self._source
        sender = FaceSender(
            self._channels,
            source.capture,
            worker=source.worker,
            options=source.sending,
            video=self._video,
            sound=self._sound(),
            stats=partial(connection_stats, self._pc),
            keeps=True,
        )
        sender.watch_refusals(lambda reason: say(f"the other end cannot read keypoints: {reason}"))
        sender.work.watch(say)
        self._call = FaceCall(sender, self.receiver)
        return sender.probe

    def _sound(self) -> SharedFlow | None:
        voice = self._source.voice
        bundle_ms = 40 * self._source.sending.bundle
        return None if voice is None else SharedFlow(voice, self._channels, bundle_ms=bundle_ms)

    async def run(self) -> None:
        """See Way."""
        assert self._call is not None
        await self._call.run()

    async def close(self) -> None:
        """See Way."""
        if self._call is not None:
            await self._call.sender.close()
        await self.receiver.close()


class Among:
    """With one of several: all of them are sent what is coded once, as keypoints."""

    def __init__(self, pc: RTCPeerConnection, mesh: FaceMesh, *, name: str, offers: bool) -> None:
        self._member = mesh.attach(pc, name=name, offers=offers, alone=True)
        self.receiver = self._member.receiver

    @property
    def ended(self) -> str:
        """See Way."""
        return self._member.ended

    def begin(self, say: Callable[[str], None]) -> Callable[[], None]:
        """See Way."""
        return self._member.viewer.probe

    async def run(self) -> None:
        """See Way."""
        await self._member.wait()

    async def close(self) -> None:
        """See Way."""
        self._member.close()
