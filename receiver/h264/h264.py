"""Stages 7 and 8, H.264: coded pictures as the connection has put them together -> frames, within limits of our own.

aiortc decodes whatever size a stranger sends, keeps all of it until somebody asks, and when it closes waits on the
event loop until the last of it is decoded: pictures of 8192x4352 took 1.6 GB, and the exit hung. Here the decoder
refuses pictures beyond `MAX_PIXELS` before it allocates any, what waits is bounded in bytes, and closing drops it.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable
from fractions import Fraction

import av
from aiortc import RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.video.codeccontext import VideoCodecContext

from codec.units import PTS_PER_S
from receiver.h264.h264_order import Packet, PictureOrder, starts_afresh
from signaling.threads import tell_loop
from signaling.transport.insides.internals import forget_missing, take_packets

__all__ = ["MAX_PIXELS", "H264Track", "divert"]

MAX_PIXELS = 1920 * 1088  # the largest picture of level 4; our own sender's are of 512x512 at most
MAX_CODED_BYTES = 1 << 20  # that wait to be decoded: half a minute at 240 kbps
MAX_CODED = 64
MAX_FRAMES = 4  # decoded ones that wait to be fetched: 12 MB at the largest size
_TIME_BASE = Fraction(1, PTS_PER_S)


class H264Track(MediaStreamTrack):
    """A video track with a decoder of its own, in a thread from `begin` on; holds what comes before, within bounds.

    Where more waits than may, all of it goes, and what follows is left out until the next key picture, which `gap` is
    called for. `counts` gets "h264_dropped" (coded pictures), "h264_malformed" (those that the decoder refuses) and
    "h264_late" (frames that nobody fetched in time).
    """

    kind = "video"

    def __init__(self, *, counts: Counter[str], gap: Callable[[], None]) -> None:
        super().__init__()
        self._owner = asyncio.get_running_loop()
        self._counts = counts
        self._gap = gap
        self._ready = threading.Condition()
        self._coded: deque[tuple[bytes, int]] = deque()
        self._coded_bytes = 0
        self._needs_key = False
        self._frames: deque[av.VideoFrame] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Starts to decode; more than once does nothing more."""
        if self._thread is None and not self._ended:
            self._thread = threading.Thread(target=self._run, name="facewire-h264", daemon=True)
            self._thread.start()

    def take(self, data: bytes, *, pts: int) -> None:
        """One coded picture, Annex B, at `pts` (1/90000 s); on the event loop."""
        with self._ready:
            if self._ended:
                return
            if len(self._coded) >= MAX_CODED or self._coded_bytes + len(data) > MAX_CODED_BYTES:
                self._counts["h264_dropped"] += len(self._coded)
                self._forget()
                self._needs_key = True
            if self._needs_key and not starts_afresh(data):
                self._counts["h264_dropped"] += 1
            else:
                self._needs_key = False
                self._coded.append((data, pts))
                self._coded_bytes += len(data)
                self._ready.notify()
        if self._needs_key:
            self._gap()

    def missing(self) -> None:
        """Pictures are lost, and only a key picture helps; on the event loop."""
        self._gap()

    async def recv(self) -> av.VideoFrame:
        """The next decoded frame. Raises MediaStreamError once the track has ended."""
        while True:
            with self._ready:
                if self._frames and not self._ended:
                    return self._frames.popleft()
                self._arrived.clear()
            if self._ended or self.readyState != "live":
                raise MediaStreamError
            await self._arrived.wait()

    def stop(self) -> None:
        """Ends the track, at once: what waits is dropped, and `recv` raises."""
        super().stop()
        with self._ready:
            self._ended = True
            self._forget()
            self._frames.clear()
            self._ready.notify()
        self._arrived.set()

    async def joined(self) -> None:
        """After `stop`: waits until the thread has put down the picture in hand."""
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _forget(self) -> None:
        self._coded.clear()
        self._coded_bytes = 0

    def _run(self) -> None:
        decoder = _open()
        while (coded := self._next()) is not None:
            data, pts = coded
            packet = av.Packet(data)
            packet.pts, packet.time_base = pts, _TIME_BASE
            try:
                frames = decoder.decode(packet)
            except Exception as error:  # whatever a decoder raises for a stranger's bytes is damage
                self._counts["h264_malformed"] += 1
                if not isinstance(error, av.FFmpegError):
                    decoder = _open()
                tell_loop(self._owner, self._gap)
                continue
            self._hand_over(frames)

    def _next(self) -> tuple[bytes, int] | None:
        with self._ready:
            self._ready.wait_for(lambda: self._coded or self._ended)
            if self._ended:
                return None
            coded = self._coded.popleft()
            self._coded_bytes -= len(coded[0])
            return coded

    def _hand_over(self, frames: list[av.VideoFrame]) -> None:
        with self._ready:
            if self._ended:
                return
            self._frames.extend(frames)
            while len(self._frames) > MAX_FRAMES:
                self._frames.popleft()
                self._counts["h264_late"] += 1
        tell_loop(self._owner, self._arrived.set)


class _Packets:
    """What aiortc hands over of one track, put in order: see PictureOrder."""

    def __init__(self, receiver: RTCRtpReceiver, track: H264Track | None, now_s: Callable[[], float]) -> None:
        self._receiver, self._track, self._now_s = receiver, track, now_s
        self._order = PictureOrder()

    def packet(self, sequence: int, *, timestamp: int, last: bool, data: bytes) -> None:
        """One packet, as it comes."""
        if self._track is None:
            return
        packet = Packet(sequence, timestamp, last, data)
        for picture in self._order.add(packet, now_s=self._now_s()):
            self._track.take(picture.data, pts=picture.pts)
        if self._order.gave_up is not None:
            forget_missing(self._receiver, self._order.gave_up)
            if self._order.needs_key:
                self._track.missing()

    def ended(self) -> None:
        """There will be no more."""
        if self._track is not None:
            self._track.stop()


def divert(receiver: RTCRtpReceiver, track: H264Track | None) -> bool:
    """Leads the pictures of an aiortc receiver to `track`, at any time; to nowhere without one.

    False where this aiortc does not let us: its own track is then the one to take.
    """
    return take_packets(receiver, _Packets(receiver, track, asyncio.get_running_loop().time))


def _open() -> VideoCodecContext:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    return decoder
