"""Tests of capture: the pictures' times, pacing, and how a source ends."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from codec.units import Image
from sender.capture import Capture, Frames, Picture, ThreadSource, TrackSource
from sender.errors import SourceError
from sender.newest_slot import SlotClosed


class Harness:
    """A source of given file times, read with a clock that moves by the waits and by what each picture costs."""

    def __init__(
        self,
        times: list[int | None],
        *,
        paced: bool,
        waits: bool = False,
        loop: bool = False,
        cost_s: float = 0.0,
        late: dict[int, float] | None = None,
        stop_after: int = 99,
    ) -> None:
        self.now_s = 50.0
        self.waits: list[float] = []
        self.pictures: list[Picture] = []
        self.converted = 0
        self._times, self._cost_s, self._stop_after = times, cost_s, stop_after
        self._late = late or {}  # seconds that some pictures take more to come
        self.stop = threading.Event()
        self.source = ThreadSource(
            "made up", self._frames, paced=paced, waits=waits, loop=loop, clock=lambda: self.now_s, wait=self._wait
        )

    def read(self) -> list[int]:
        self.source.read(self._deliver, self.stop)
        return [picture.pts for picture in self.pictures]

    def _frames(self) -> Iterator[tuple[Callable[[], Image], int | None]]:
        for number, pts in enumerate(self._times):
            self.now_s += self._cost_s + self._late.get(number, 0.0)
            yield self._convert, pts

    def _convert(self) -> Image:
        self.converted += 1
        return np.zeros((2, 2, 3), np.uint8)

    def _deliver(self, picture: Picture) -> None:
        self.pictures.append(picture)
        if len(self.pictures) >= self._stop_after:
            self.stop.set()

    def _wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now_s += seconds
        return stop.is_set()


def test_a_file_is_paced_by_its_own_times_and_begins_at_0() -> None:
    harness = Harness([9000, 12600, 19800], paced=True)
    assert harness.read() == [0, 3600, 10800]
    assert harness.waits == pytest.approx([0.04, 0.08])
    assert [picture.captured_s for picture in harness.pictures] == pytest.approx([50.0, 50.04, 50.12])


def test_a_looping_file_goes_on_with_its_usual_step() -> None:
    harness = Harness([0, 3600], paced=True, loop=True, stop_after=5)
    assert harness.read() == [0, 3600, 7200, 10800, 14400]


def test_a_pipe_that_is_late_itself_moves_what_follows_and_loses_nothing() -> None:
    harness = Harness([number * 3600 for number in range(6)], paced=True, waits=True, late={2: 7.0})
    assert harness.read() == [0, 3600, 633_600, 637_200, 640_800, 644_400]
    assert harness.converted == 6


def test_pictures_of_a_file_that_come_too_late_are_not_converted() -> None:
    harness = Harness([number * 3600 for number in range(10)], paced=True, cost_s=0.1)
    times = harness.read()
    assert harness.converted == len(times) < 5
    assert times[0] == 0


def test_a_live_source_is_stamped_as_it_comes() -> None:
    harness = Harness([None] * 3, paced=False, cost_s=0.5)
    assert harness.read() == [0, 45_000, 90_000]
    assert harness.waits == []


def test_live_pictures_of_one_moment_still_have_growing_times() -> None:
    assert Harness([None] * 3, paced=False).read() == [0, 1, 2]


def test_a_source_without_pictures_says_so() -> None:
    with pytest.raises(SourceError, match="made up: no pictures in it"):
        Harness([], paced=True, loop=True).read()


def test_stopping_ends_the_wait() -> None:
    harness = Harness([0, 3600, 7200], paced=True, stop_after=1)
    assert harness.read() == [0]


async def test_capture_gives_each_subscriber_the_newest_and_closes_at_the_end() -> None:
    harness = Harness([0, 3600, 7200], paced=True)
    capture = Capture(harness.source)
    first, second = capture.subscribe(), capture.subscribe()
    capture.unsubscribe(second)
    await capture.run()
    assert (await first.get()).pts == 7200
    assert first.dropped == 2
    assert second.dropped == 0
    assert capture.pictures == 3
    assert capture.ended
    assert capture.epoch_s == pytest.approx(50.0)
    with pytest.raises(SlotClosed):
        await capture.subscribe().get()


async def test_capture_passes_on_why_a_source_broke() -> None:
    capture = Capture(Harness([], paced=True).source)
    with pytest.raises(SourceError, match="no pictures"):
        await capture.run()
    assert capture.ended


async def test_whatever_the_reading_thread_meets_is_a_source_that_broke() -> None:
    def frames() -> Frames:
        yield (lambda: np.zeros((4, 4, 3), np.uint8)), 0
        raise MemoryError

    with pytest.raises(SourceError, match="clip: reading failed: MemoryError: MemoryError"):
        await Capture(ThreadSource("clip", frames, paced=False)).run()


async def test_a_cancelled_capture_tells_its_thread_to_stop() -> None:
    delivered, stopped = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def frames() -> Iterator[tuple[Callable[[], Image], int | None]]:
        try:
            while True:
                yield (lambda: np.zeros((2, 2, 3), np.uint8)), None
        finally:
            stopped.set()

    source = ThreadSource("endless", frames, paced=False)
    running = asyncio.create_task(source.run(lambda _: loop.call_soon_threadsafe(delivered.set)))
    await delivered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(stopped.wait, 20)


class Track(MediaStreamTrack):
    """Gives what it was made with, then ends."""

    def __init__(self, kind: str, items: list[Any]) -> None:
        super().__init__()
        self.kind = kind
        self._items = items

    async def recv(self) -> Any:
        if not self._items:
            raise MediaStreamError
        return self._items.pop(0)


async def test_a_track_is_a_source() -> None:
    frames = [av.VideoFrame.from_ndarray(np.full((10, 14, 3), 9, np.uint8), format="rgb24") for _ in range(2)]
    pictures: list[Picture] = []
    await TrackSource(Track("video", frames), clock=lambda: 3.0).run(pictures.append)
    assert [(picture.pts, picture.image_rgb.shape) for picture in pictures] == [(0, (10, 14, 3)), (1, (10, 14, 3))]
    assert pictures[0].captured_s == 3.0


async def test_only_video_frames_are_taken_from_a_track() -> None:
    with pytest.raises(SourceError, match="a video track is needed, not audio"):
        TrackSource(Track("audio", []))
    with pytest.raises(SourceError, match="gives Packet"):
        await TrackSource(Track("video", [av.Packet(b"x")])).run(lambda _: None)
