"""Stage 1, sound: a file's or an application's sound as blocks of mono samples with the time they were captured at."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from codec.input.sound import Mono
from codec.sound import SAMPLE_RATE, Samples
from sender.errors import SourceError
from signaling.printable import reason_of
from signaling.threads import run_in_thread, tell_loop

__all__ = ["Block", "FileSound", "SoundSource", "TrackSound"]

_LATE_S = 1.0
_SILENCE = SAMPLE_RATE // 50  # samples, one after the other, where pictures go on without sound
_WAIT_S = 0.02  # for the picture that a file's sound begins with


@dataclass(frozen=True, slots=True)
class Block:
    """Mono samples at 48 kHz, float32 (N,), of which the first was captured at `captured_s` (monotonic seconds)."""

    samples: Samples
    captured_s: float


class SoundSource(Protocol):
    """Something that gives sound until it ends or is cancelled."""

    label: str

    async def run(self, deliver: Callable[[Block], None]) -> None:
        """Hands over each block, on the event loop. Returns at the end; raises SourceError when it breaks."""


class FileSound:
    """The sound of a file at its own pace, in step with the pictures of the same file where there are any.

    `begins` tells the clock's reading at the file's first picture once that is known, None before. `loop` starts again
    when the pictures do, and is silent for as long as they are longer than it. What is late by more than a second is
    left out: a call that begins when the pictures have run for long gets none of the sound before it. The clock and the
    wait are arguments so that tests need no time.
    """

    def __init__(
        self,
        path: Path,
        *,
        begins: Callable[[], float | None] | None = None,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.label = f"sound of {path}"
        self._path, self._loop, self._clock, self._wait = path, loop, clock, wait
        self._begins = begins or self._now_once
        self._begun_s: float | None = None

    def _now_once(self) -> float:
        self._begun_s = self._clock() if self._begun_s is None else self._begun_s
        return self._begun_s

    async def run(self, deliver: Callable[[Block], None]) -> None:
        """Runs a thread to its end; a cancelled run tells it to stop."""
        on_loop = partial(tell_loop, asyncio.get_running_loop(), deliver)
        try:
            await run_in_thread(partial(self.read, on_loop), name=self.label)
        except SourceError:
            raise
        except Exception as error:  # of a demuxer, of a lack of memory
            raise self._broken(error) from error

    def read(self, deliver: Callable[[Block], None], stop: threading.Event) -> None:
        """The thread's work: reads, paces and delivers until the end or until `stop` is set."""
        while (begin_s := self._begins()) is None:
            if self._wait(stop, _WAIT_S):
                return
        while not stop.is_set():
            read, length_s = 0, 0.0
            for samples, at_s, told_s in self._blocks():
                read, length_s = read + len(samples), told_s
                due_s = begin_s + at_s + len(samples) / SAMPLE_RATE
                if self._clock() - due_s > _LATE_S:
                    continue
                if self._wait_until(due_s, stop):
                    return
                deliver(Block(samples, begin_s + at_s))
            if not read:
                raise SourceError(f"{self.label}: no sound in it")
            if not self._loop:
                return
            begin_s += length_s * max(1, (self._clock() - begin_s) // length_s)

    def _wait_until(self, due_s: float, stop: threading.Event) -> bool:
        wait_s = due_s - self._clock()
        return wait_s > 0 and self._wait(stop, wait_s)

    def _blocks(self) -> Iterator[tuple[Samples, float, float]]:
        """Samples, their time from the first picture on, and how long the file is."""
        try:
            with av.open(str(self._path)) as container:
                if not container.streams.audio:
                    raise SourceError(f"{self.label}: no sound in it")
                audio, mono = container.streams.audio[0], Mono()
                video = container.streams.video[0] if container.streams.video else None
                begin_s, length_s = _extent(video or audio)
                at_s: float | None = None
                for frame in container.decode(audio):
                    samples = mono.samples(frame)
                    at_s = (frame.time or 0.0) - begin_s if at_s is None else at_s
                    kept = samples[: max(0, round((length_s - at_s) * SAMPLE_RATE))] if length_s else samples
                    if len(kept):
                        yield kept, at_s, length_s or at_s + len(samples) / SAMPLE_RATE
                    at_s += len(samples) / SAMPLE_RATE
                while at_s is not None and (left := round((length_s - at_s) * SAMPLE_RATE)) > 0:
                    yield np.zeros(min(left, _SILENCE), np.float32), at_s, length_s
                    at_s += _SILENCE / SAMPLE_RATE
        except (av.FFmpegError, OSError) as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> SourceError:
        return SourceError(f"{self.label}: reading failed: {type(error).__name__}: {reason_of(error)}")


def _extent(stream: "av.stream.Stream") -> tuple[float, float]:
    """When a stream begins in its file and how long it is, in seconds; 0 where the file does not say."""
    if stream.time_base is None:
        return 0.0, 0.0
    return float((stream.start_time or 0) * stream.time_base), float((stream.duration or 0) * stream.time_base)


class TrackSound:
    """An application's own audio track (aiortc); its blocks are stamped as they come."""

    def __init__(self, track: MediaStreamTrack, *, clock: Callable[[], float] = time.monotonic) -> None:
        if track.kind != "audio":
            raise SourceError(f"an audio track is needed, not {track.kind}")
        self.label = f"track {track.id}"
        self._track, self._clock = track, clock

    async def run(self, deliver: Callable[[Block], None]) -> None:
        """Reads the track until it ends."""
        mono = Mono()
        while True:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.AudioFrame):
                samples = mono.samples(frame)
                deliver(Block(samples, self._clock() - len(samples) / SAMPLE_RATE))
