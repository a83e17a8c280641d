"""All stages, among several: one other end, which is sent what all get and decoded by itself."""

import asyncio

from receiver import FaceReceiver, FaceTrack
from sender.broadcast import Viewer
from signaling.programs.ends import first_error

__all__ = ["Member"]


class Member:
    """One other end of a call of several; made by `FaceMesh.attach`, which runs it."""

    def __init__(self, viewer: Viewer, receiver: FaceReceiver) -> None:
        self.viewer, self.receiver = viewer, receiver

    @property
    def name(self) -> str:
        """For figures."""
        return self.viewer.name

    @property
    def track(self) -> FaceTrack:
        """Its picture."""
        return self.receiver.track

    @property
    def ended(self) -> str:
        """Why it has ended, "" before."""
        return self.viewer.ended

    def close(self, why: str = "closed") -> None:
        """Ends both directions. The connection stays the application's."""
        self.viewer.close(why)

    async def wait(self) -> str:
        """Waits until it has ended, and says why."""
        return await self.viewer.wait()

    async def run(self) -> None:
        """Receives until either direction ends. Raises what `FaceReceiver.run` raises."""
        try:
            async with asyncio.TaskGroup() as group:
                receiving, leaving = group.create_task(self.receiver.run()), group.create_task(self.viewer.wait())
                await asyncio.wait([receiving, leaving], return_when=asyncio.FIRST_COMPLETED)
                await self.receiver.close()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            self.viewer.close("nothing comes any more")
            await self.receiver.close()
