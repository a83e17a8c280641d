"""Stage 10, display: the reconstructed picture as a track, for an application that embeds the receiver."""

import asyncio
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from codec.units import PTS_PER_S
from receiver.outputs.frames import Frames
from receiver.picture import Picture

__all__ = ["FaceTrack"]

TIME_BASE = Fraction(1, PTS_PER_S)


class FaceTrack(MediaStreamTrack):
    """A video track of the pictures shown, keypoints or H.264, with time stamps of the receiver's clock.

    Frames are yuv420p, ready for any encoder, so that several consumers may share one (aiortc's MediaRelay hands the
    same object to all of them): a conversion, which each would make in a thread of its own, goes through one scaler
    that the frame holds, and ends the process. Arrays come from `FaceReceiver.watch`, or from a `VideoReformatter` of
    your own.

    Holds the newest pictures only: an application that reads slowly gets fewer of them, never old ones. `recv` raises
    aiortc's MediaStreamError once the receiver is closed.
    """

    kind = "video"

    def __init__(self, *, capacity: int = 2) -> None:
        super().__init__()
        self._pictures: asyncio.Queue[Picture | None] = asyncio.Queue(capacity)
        self._start_us: int | None = None
        self._last = -1
        self._frames = Frames()

    def offer(self, picture: Picture) -> None:
        """Puts a picture in front of the application; the oldest gives way."""
        if self.readyState == "live":
            self._put(picture)

    def stop(self) -> None:
        """Ends the track: a waiting `recv` raises MediaStreamError."""
        if self.readyState == "live":
            self._put(None)
        super().stop()

    def _put(self, item: Picture | None) -> None:
        if self._pictures.full():
            self._pictures.get_nowait()
        self._pictures.put_nowait(item)

    async def recv(self) -> VideoFrame:
        """The next picture."""
        if self.readyState != "live":
            raise MediaStreamError
        picture = await self._pictures.get()
        if picture is None:
            raise MediaStreamError
        if self._start_us is None:
            self._start_us = picture.shown_us
        self._last = max(self._last + 1, (picture.shown_us - self._start_us) * 9 // 100)
        frame = self._frames.yuv420p(picture)
        frame.pts, frame.time_base = self._last, TIME_BASE
        return frame
