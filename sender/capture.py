"""Stage 1, capture: a source of frames -> pictures and their times; only the newest is held."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from codec.errors import MediaError
from codec.input.converter import Converter
from codec.units import PTS_PER_S, Image
from sender.errors import SourceError
from sender.newest_slot import Slot
from signaling.printable import reason_of
from signaling.threads import run_in_thread

__all__ = ["Capture", "Frames", "Picture", "Source", "ThreadSource", "TrackSource"]

_USUAL_STEP = PTS_PER_S // 25  # between the end of a file of one picture and its start
_LATE_S = 0.1  # a picture of a file that is this late is not even converted

# Pictures as they come: uint8 (H, W, 3) behind a call (conversion costs), and the source's own time in 1/90000 s, which
# grows; None from live sources, which are stamped as they come.
Frames = Iterator[tuple[Callable[[], Image], int | None]]


@dataclass(frozen=True, slots=True)
class Picture:
    """One captured picture.

    `pts` counts 1/90000 s on the capture clock from the first picture's 0, so that the time of any picture can be told
    from its pts alone; `captured_s` is that clock's reading (monotonic seconds) when it was captured.
    """

    image_rgb: Image  # uint8 (H, W, 3)
    pts: int
    captured_s: float
    capture_ms: float = 0.0  # spent on making RGB of what the source gave


class Source(Protocol):
    """Something that gives pictures until it ends or is cancelled."""

    label: str
    is_live: bool  # it gives what is now, whenever it is run, and nothing of before

    async def run(self, deliver: Callable[[Picture], None]) -> None:
        """Hands over each picture, from any thread. Returns at the end; raises SourceError when it breaks."""


class Capture:
    """Runs one source and gives each subscriber its own slot with the newest picture."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._slots: list[Slot[Picture]] = []
        self._ended = False
        self.pictures = 0
        self.epoch_s: float | None = None  # the clock at pts 0

    @property
    def label(self) -> str:
        """What is captured, for people."""
        return self._source.label

    @property
    def ended(self) -> bool:
        """Whether the source has no more pictures."""
        return self._ended

    def subscribe(self) -> Slot[Picture]:
        """A slot that is filled from now on; already closed when the source has ended."""
        slot: Slot[Picture] = Slot()
        if self._ended:
            slot.close()
        self._slots = [*self._slots, slot]
        return slot

    def unsubscribe(self, slot: Slot[Picture]) -> None:
        """Ends one subscription."""
        self._slots = [other for other in self._slots if other is not slot]
        slot.close()

    async def run(self) -> None:
        """Captures until the source ends, then closes all slots. Raises SourceError when the source breaks."""
        try:
            await self._source.run(self._deliver)
        finally:
            self._ended = True
            for slot in self._slots:
                slot.close()

    async def run_after(self, begun: asyncio.Event) -> None:
        """The same; but a file begins once `begun` is set. A live source begins now: it is warm by then."""
        if not self._source.is_live:
            await begun.wait()
        await self.run()

    def _deliver(self, picture: Picture) -> None:
        if self.epoch_s is None:
            self.epoch_s = picture.captured_s - picture.pts / PTS_PER_S
        self.pictures += 1
        for slot in self._slots:  # the list is replaced, never changed: safe to walk in the reader's thread
            slot.put(picture)


class ThreadSource:
    """A source read by a thread of its own, because reading blocks.

    `paced` holds pictures back until their time (files); otherwise they are stamped as they come (live sources).
    `waits` is for those that are paced and may be late themselves (pipes): what comes late moves all that follows,
    where a file would leave pictures out to catch up. `loop` starts again at the end. The clock and the wait are
    arguments so that tests need no time.
    """

    def __init__(
        self,
        label: str,
        open_frames: Callable[[], Frames],
        *,
        paced: bool,
        waits: bool = False,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.label = label
        self.is_live = not paced
        self._open_frames = open_frames
        self._paced = paced
        self._waits = waits
        self._loop = loop
        self._clock = clock
        self._wait = wait

    async def run(self, deliver: Callable[[Picture], None]) -> None:
        """Runs the thread to its end; a cancelled run tells the thread to stop and does not wait for a stuck device."""
        try:
            await run_in_thread(partial(self.read, deliver), name=f"capture {self.label}")
        except SourceError:
            raise
        except MediaError as error:
            raise SourceError(str(error)) from error
        except Exception as error:  # of a driver, a demuxer, a lack of memory
            reason = f"{type(error).__name__}: {reason_of(error)}"
            raise SourceError(f"{self.label}: reading failed: {reason}") from error

    def read(self, deliver: Callable[[Picture], None], stop: threading.Event) -> None:
        """The thread's work: reads, paces and delivers until the end or until `stop` is set."""
        timeline = _Timeline(paced=self._paced, waits=self._waits)
        while not stop.is_set():
            count = 0
            for convert, file_pts in self._open_frames():
                if stop.is_set():
                    return
                count += 1
                pts, due_s = timeline.stamp(self._clock(), file_pts)
                wait_s = due_s - self._clock()
                if wait_s > 0 and self._wait(stop, wait_s):
                    return
                if wait_s >= -_LATE_S or not self._paced:
                    started_s = self._clock()
                    image_rgb = convert()
                    deliver(Picture(image_rgb, pts, due_s, (self._clock() - started_s) * 1000))
            if count == 0:
                raise SourceError(f"{self.label}: no pictures in it")
            if not self._loop:
                return
            timeline.restart()


class _Timeline:
    """Gives each picture its time: from the clock, or from a file's own times, loop after loop."""

    def __init__(self, *, paced: bool, waits: bool) -> None:
        self._paced = paced
        self._waits = waits
        self._epoch_s: float | None = None
        self._last = -1  # pts of the last picture
        self._offset: int | None = None  # from the file's times to ours; None before its first picture
        self._step = _USUAL_STEP

    def stamp(self, now_s: float, file_pts: int | None) -> tuple[int, float]:
        """The picture's pts, and the clock's reading at that pts: never before the picture in front of it."""
        if self._epoch_s is None:
            self._epoch_s = now_s
        now = round((now_s - self._epoch_s) * PTS_PER_S)
        if not self._paced or file_pts is None:
            self._last = max(now, self._last + 1)
            return self._last, now_s
        if self._offset is None:
            self._offset = (0 if self._last < 0 else self._last + self._step) - file_pts
        elif self._waits and now - (file_pts + self._offset) > _LATE_S * PTS_PER_S:
            self._offset = now - file_pts
        pts = file_pts + self._offset
        if self._last >= 0:
            self._step = pts - self._last
        self._last = pts
        return pts, self._epoch_s + pts / PTS_PER_S

    def restart(self) -> None:
        """The file starts again."""
        self._offset = None


class TrackSource:
    """Pictures of an app's own video track; they are stamped as they come, as other live sources are."""

    is_live = True

    def __init__(self, track: MediaStreamTrack, *, clock: Callable[[], float] = time.monotonic) -> None:
        if track.kind != "video":
            raise SourceError(f"a video track is needed, not {track.kind}")
        self.label = f"track {track.id}"
        self._track = track
        self._clock = clock
        self._converter = Converter()

    async def run(self, deliver: Callable[[Picture], None]) -> None:
        """Reads the track until it ends."""
        epoch_s, last = self._clock(), -1
        while True:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                return
            if not isinstance(frame, av.VideoFrame):
                raise SourceError(f"{self.label}: gives {type(frame).__name__}, not video frames")
            captured_s = self._clock()
            epoch_s = captured_s if last < 0 else epoch_s
            try:
                image_rgb = await asyncio.to_thread(self._converter.rgb, frame)
            except MediaError as error:
                raise SourceError(f"{self.label}: {error}") from error
            last = max(round((captured_s - epoch_s) * PTS_PER_S), last + 1)
            deliver(Picture(image_rgb, last, captured_s, (self._clock() - captured_s) * 1000))
