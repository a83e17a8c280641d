"""Stage 4 to 6, fallback flow: codes pictures in H.264 while they are wanted, and hands them to the track."""

import asyncio
from collections.abc import Callable

from codec.pictures.crop import Crop
from sender.capture import Capture
from sender.h264.fallback import FallbackTrack, H264Worker
from sender.meter import Meter
from sender.newest_slot import SlotClosed
from sender.references.keyframe_gate import KeyframeGate
from signaling.transport.costs import rtp_on_wire

__all__ = ["FallbackFlow"]

_OVERLAP_S = 1.0  # it goes on so long at most after keypoints took over, until their keyframe has arrived

_KEY_EVERY_S = 2.0  # as often as an unanswered request would come


class FallbackFlow:
    """The H.264 flow of one call, beside the keypoints and independent of how long those take."""

    def __init__(
        self,
        track: FallbackTrack,
        *,
        size: int,
        kbps: float,
        meter: Meter,
        clock: Callable[[], float],
        is_asked: bool = True,
        sent: Callable[[int], None] = lambda wire_bytes: None,
    ) -> None:
        """Where the receiver cannot ask for key pictures, they come by the clock. `sent` learns what leaves."""
        self._sent = sent
        self._every = 1
        self._pictures = 0
        self._is_asked = is_asked
        self._keyed_s = 0.0
        self.track = track
        self._worker = H264Worker(size=size, kbps=kbps)
        self._meter = meter
        self._clock = clock
        self._key_pictures = KeyframeGate()
        self._until_s = 0.0
        self.done = asyncio.Event()  # at the end of the source: its last picture is out
        track.set_overflow(self.ask)

    def ask(self) -> None:
        """A key picture is wanted."""
        self._key_pictures.ask()

    def set_pace(self, *, kbps: float, every: int) -> None:
        """What it may take from now on, and of how many pictures one is coded."""
        self._worker.kbps, self._every = kbps, every

    def overlap(self) -> None:
        """Keypoints take over: the old picture runs on until the first of theirs is there."""
        self._until_s = self._clock() + _OVERLAP_S

    def end_overlap(self) -> None:
        """It is there."""
        self._until_s = 0.0

    async def run(
        self, capture: Capture, *, begun: asyncio.Event, wanted: Callable[[], bool], crop: Callable[[], Crop | None]
    ) -> None:
        """Until the source ends; `crop` is where the face is, known once it has `begun`."""
        slot = capture.subscribe()
        was_live = False
        try:
            await begun.wait()
            while True:
                picture = await slot.get()
                self._pictures += 1
                if self._pictures % self._every:
                    continue
                is_live = wanted() or self._clock() < self._until_s
                if is_live:
                    if not self._is_asked and self._clock() - self._keyed_s >= _KEY_EVERY_S:
                        self.ask()
                    asked, where = self._key_pictures.take(now_s=self._clock()), crop()
                    assert where is not None, "a picture has been followed"
                    coded, stage_ms = await self._worker.encode(picture, where, force_key=asked or not was_live)
                    self.track.deliver(coded)
                    if coded.is_key:
                        self._keyed_s = self._clock()
                        self._key_pictures.sent(now_s=self._keyed_s, receipt=False)
                    self._meter.frame("h264", psnr_db=coded.psnr_db, sent=True)
                    self._meter.rtp(coded.rtp_payloads)
                    self._sent(rtp_on_wire(coded.rtp_payloads).out)
                    self._meter.stages(stage_ms)
                was_live = is_live
        except SlotClosed:
            self.done.set()
        finally:
            capture.unsubscribe(slot)

    def close(self) -> None:
        """Lets the encoder's thread end."""
        self._worker.close()
