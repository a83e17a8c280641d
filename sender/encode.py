"""Stage 2 to 4, encode: the one thread that follows the face, crops and runs the codec, off the event loop."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from codec.crop import Crop
from sender.capture import Picture
from sender.face import FaceFollower

__all__ = ["Coded", "EncodedPicture", "FaceEncoder", "FaceWorker", "FrameReport", "Orders", "StageClock"]


class _Reference(Protocol):
    @property
    def id(self) -> int: ...


class _Motion(Protocol):
    @property
    def chained(self) -> bool: ...


class Coded(Protocol):
    """What is needed of `codec.CodedFrame`."""

    @property
    def number(self) -> int:
        """Frame counter modulo 256."""

    @property
    def is_keyframe(self) -> bool:
        """Whether it can be decoded alone."""

    @property
    def reference(self) -> _Reference | None:
        """The reference picture in it, if any."""

    @property
    def motion(self) -> _Motion | None:
        """The motion in it, if any; `chained`: it stands on the frame before."""

    def split(self) -> tuple["Coded | None", "Coded | None"]:
        """(what goes over the reliable channel, what goes over the motion channel)."""

    def __bytes__(self) -> bytes: ...


class FrameReport(Protocol):
    """What is needed of `codec.FrameReport`."""

    @property
    def is_keyframe(self) -> bool:
        """Whether the frame can be decoded alone."""

    @property
    def psnr_db(self) -> float:
        """Of the encoder's own picture, in RGB."""

    @property
    def reference_bits(self) -> int:
        """Bits of the reference picture; 0 if none rode along."""

    @property
    def qp(self) -> int:
        """The quantiser it was coded with."""


class FaceEncoder(Protocol):
    """What is needed of `codec.Encoder`."""

    @property
    def report(self) -> FrameReport:
        """About the last frame."""

    def encode(self, image_rgb: npt.NDArray[np.uint8], *, pts: int) -> Coded:
        """One frame of uint8 (size, size, 3)."""

    def force_keyframe(self) -> None:
        """The next frame is a keyframe."""

    def acknowledge(self, reference_id: int) -> None:
        """The receiver holds the reference."""

    def start_bundle(self) -> None:
        """The next frame stands on no frame before it."""


StageHook = Callable[[str], AbstractContextManager[None]]


class StageClock:
    """Milliseconds by stage of one thread's work."""

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time inside to stage `name`."""
        started_s = self._clock()
        try:
            yield
        finally:
            self._ms[name] = self._ms.get(name, 0.0) + (self._clock() - started_s) * 1000

    def take(self) -> dict[str, float]:
        """What was gathered since the last call."""
        gathered, self._ms = self._ms, {}
        return gathered


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """What became of one picture. `coded` and `report` are None when it was only followed."""

    picture: Picture
    crop: Crop
    found: bool
    coded: Coded | None
    report: FrameReport | None
    stage_ms: Mapping[str, float]


class Orders:
    """What the call wants of the encoder: gathered on the event loop, carried out by the worker at its next picture."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keyframe = False
        self._bundle = False
        self._acknowledged: dict[int, None] = {}  # an ordered set; at most as many as there are ids

    def force_keyframe(self) -> None:
        """The next coded frame is to be a keyframe."""
        with self._lock:
            self._keyframe = True

    def start_bundle(self) -> None:
        """The next coded frame is to stand alone."""
        with self._lock:
            self._bundle = True

    def acknowledge(self, reference_id: int) -> None:
        """The receiver holds this reference."""
        with self._lock:
            self._acknowledged[reference_id] = None

    def carry_out(self, encoder: FaceEncoder) -> None:
        """Tells the encoder all of it, in its own thread."""
        with self._lock:
            keyframe, self._keyframe = self._keyframe, False
            bundle, self._bundle = self._bundle, False
            acknowledged, self._acknowledged = self._acknowledged, {}
        for reference_id in acknowledged:
            encoder.acknowledge(reference_id)
        if bundle:
            encoder.start_bundle()
        if keyframe:
            encoder.force_keyframe()


class FaceWorker:
    """Owns the thread, the follower and the encoder. One picture at a time: the caller drops what is too much."""

    def __init__(
        self,
        make_encoder: Callable[[StageHook], FaceEncoder],
        make_follower: Callable[[], FaceFollower],
        *,
        size: int,
    ) -> None:
        self._make_encoder = make_encoder
        self._make_follower = make_follower
        self._size = size
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._stages = StageClock()
        self._follower: FaceFollower | None = None
        self._encoder: FaceEncoder | None = None
        self.orders = Orders()

    async def warm(self) -> None:
        """Loads the detector and the networks. Raises what `codec` raises (WeightsError, MediaError)."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    async def encode(self, picture: Picture, *, code: bool) -> EncodedPicture:
        """Follows the face in `picture`, and codes it if `code`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, picture, code)

    def close(self) -> None:
        """Lets the thread end after the picture in hand."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> tuple[FaceFollower, FaceEncoder]:
        if self._follower is None:
            self._follower = self._make_follower()
        if self._encoder is None:
            self._encoder = self._make_encoder(self._stages.stage)
        return self._follower, self._encoder

    def _work(self, picture: Picture, code: bool) -> EncodedPicture:
        follower, encoder = self._load()
        stage = self._stages.stage
        coded, report = None, None
        with stage("total"):
            with stage("face"):
                followed = follower.follow(picture.image_rgb, pts=picture.pts)
            if code:
                with stage("crop"):
                    square_rgb = followed.crop.extract(picture.image_rgb, self._size)
                self.orders.carry_out(encoder)
                coded = encoder.encode(square_rgb, pts=picture.pts)
                report = encoder.report
        return EncodedPicture(picture, followed.crop, followed.found, coded, report, self._stages.take())
