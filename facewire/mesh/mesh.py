"""All stages, among several: one face and voice to each of a few ends, coded once, and theirs here, decoded each."""

import asyncio
from typing import Any

from aiortc import RTCPeerConnection

from facewire.mesh.member import Member
from receiver import ReceiverOptions, receive_face
from receiver.sound import SoundTrack
from receiver.sound.mixer import Mixer
from sender import FaceBroadcast, SenderOptions
from sender.capture import Capture
from sender.encode import FaceWorker
from sender.sound.voice import Voice
from signaling.programs.ends import End, first_error

__all__ = ["FaceMesh"]

_RECEIVING = ReceiverOptions(sound=True)


class FaceMesh(End):
    """One end of a call of several: `attach` a connection to each of the others.

    `mixer` is all their voices as one, for one loudspeaker. Members come and go, before `run` and while it runs.
    """

    def __init__(
        self,
        capture: Capture,
        *,
        worker: FaceWorker,
        sending: SenderOptions,
        receiving: ReceiverOptions = _RECEIVING,
        voice: Voice | None = None,
        keeps: bool = False,
    ) -> None:
        """With `keeps`, capture, worker and voice are somebody else's to warm, run and close.

        Raises OptionsError for a mode other than "auto" and "keypoints": there is no H.264 for several.
        """
        self.broadcast = FaceBroadcast(
            capture, worker=worker, options=sending, voice=voice, keeps=keeps, keeps_voice=keeps
        )
        self.mixer: Mixer[Member] = Mixer()
        self.members: list[Member] = []
        self._receiving = receiving
        self._group: asyncio.TaskGroup | None = None

    def attach(self, pc: RTCPeerConnection, *, name: str = "", offers: bool = False, alone: bool = False) -> Member:
        """One more end, at the other side of `pc`: before its offer or answer.

        `offers` says that the offer is made here: then it has a place for video, should the other end have some to
        send. `alone`: the application receives nothing else over `pc`. The connection stays the application's, which
        closes it when the member has ended.
        """
        viewer = self.broadcast.attach(pc, name=name)
        member = Member(viewer, receive_face(pc, self._receiving, offers=offers, alone=alone))
        self.members.append(member)
        if self._group is not None:
            self._group.create_task(self._live(member))
        return member

    def sound_track(self) -> SoundTrack:
        """All voices as one, for one reader: a new track each time."""
        return SoundTrack(self.mixer)

    def levels_db(self) -> dict[str, float]:
        """How loud each member is heard now, by its name, against full scale; while somebody plays what is heard."""
        return {member.name: level for member, level in self.mixer.levels_db().items()}

    def figures(self) -> dict[str, Any]:
        """What is sent to all, and what comes from each."""
        received = [{"name": member.name, **member.receiver.figures()} for member in self.members]
        return {"sender": self.broadcast.figures(), "receivers": received}

    async def run(self) -> None:
        """Sends and receives until the source ends or `close`.

        Raises what `FaceBroadcast.run` and `FaceReceiver.run` raise, whichever is first.
        """
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                sending = group.create_task(self.broadcast.run())
                for member in self.members:
                    group.create_task(self._live(member))
                await asyncio.wait([sending])
                self._group = None
                for member in list(self.members):
                    member.close(self.broadcast.ended)
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            self._group = None

    async def close(self) -> None:
        """Ends `run` and all members. Their connections stay the application's."""
        await self.broadcast.close()

    async def _live(self, member: Member) -> None:
        self.mixer.add(member, member.receiver.sound)
        try:
            await member.run()
        finally:
            self.mixer.remove(member)
            self.members.remove(member)
