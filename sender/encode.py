"""Stage 2 to 4, encode: the thread that follows the face, crops and runs the codec, off the event loop.

What a frame need not wait for happens beside or after it: the face is looked for in a thread of its own, and how the
receiver sees a frame is measured once the frame has left.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol, Self

from codec import CodecConfig, CodedFrame, FrameReport
from codec.pictures.crop import Crop
from codec.pictures.psnr import psnr_db
from codec.stage_clock import Stage, StageClock
from codec.state.bundle import BundleCoder
from codec.units import PTS_PER_S, Image
from sender.capture import Picture
from sender.crop.face import FaceFollower
from sender.crop.face_search import Looks
from sender.transmit import Bundles
from sender.work.sizes import EncoderSizes, SizeOrder

__all__ = ["MEASURE_S", "EncodedPicture", "FaceEncoder", "FaceWorker", "Orders"]


# Between two frames that are measured, where the mode hangs on it: each costs what the receiver's picture does.
MEASURE_S = 0.2


class FaceEncoder(Protocol):
    """What is needed of `codec.Encoder`."""

    @property
    def report(self) -> FrameReport:
        """About the last frame."""

    @property
    def reconstruction(self) -> Image:
        """What the receiver shows for the last frame, uint8 (size, size, 3); made when it is asked for."""

    def encode(self, image_rgb: Image, *, pts: int) -> CodedFrame:
        """One frame of uint8 (size, size, 3)."""

    def succeed(self, before: Self) -> None:
        """Goes on where one for another size stops; the next frame is a keyframe."""

    def force_keyframe(self) -> None:
        """The next frame is a keyframe."""

    def acknowledge(self, reference_id: int) -> None:
        """The receiver holds the reference."""

    def start_bundle(self) -> None:
        """The next frame stands on no frame before it."""

    def set_steps(self, *, windows: bool, restoration: bool) -> None:
        """Whether mouth and eyes are drawn where that is better, and references restored, from the next ones on."""

    def set_qp(self, qp: int) -> None:
        """A new quality index, from the next bundle on."""

    def set_bundle(self, bundle: int, *, residual: bool) -> None:
        """How many frames share a message from now on, and whether optical flow adds to their motion."""


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """What became of one picture. `coded` and `report` are None when it was only followed.

    `psnr_db` (RGB, against the picture at the codec's size) is of the newest measured frame; with `measured` that was
    the one before this, and it is told for the first time. A keyframe brings its own, which says nothing of the loop.
    `stage_ms` is what was spent since the picture before, on what belongs to no single one (face, generate) too.
    """

    picture: Picture
    crop: Crop
    found: bool
    coded: CodedFrame | None
    report: FrameReport | None
    psnr_db: float
    measured: bool
    stage_ms: Mapping[str, float]


class Orders:
    """What the call wants of the encoder: gathered on the event loop, carried out by the worker at its next picture."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keyframe = False
        self._bundle = False
        self._steps: tuple[bool, bool] | None = None  # windows, restoration: where they are to change
        self._pace: tuple[int, int, bool] | None = None  # qp, bundle, residual: where they are to change
        self.every = 1.0  # each so many-th picture is coded: what is done now and then, is so much more seldom
        self.size = SizeOrder()  # what the steps say of it: replaced whole, read when a picture comes
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

    def set_steps(self, *, windows: bool, restoration: bool, every: float = 1.0, size: SizeOrder | None = None) -> None:
        """Whether mouth and eyes are drawn where that is better, and references restored; each how many-th picture is
        coded; and the size, where told.
        """
        with self._lock:
            self._steps, self.every, self.size = (windows, restoration), every, size or self.size

    def set_pace(self, *, qp: int, bundle: int, residual: bool) -> None:
        """How coarsely frames are coded from now on, and how many share a message."""
        with self._lock:
            self._pace = (qp, bundle, residual)

    def carry_out(self, encoder: FaceEncoder) -> None:
        """Tells the encoder all of it, in its own thread."""
        with self._lock:
            keyframe, self._keyframe = self._keyframe, False
            bundle, self._bundle = self._bundle, False
            steps, self._steps = self._steps, None
            pace, self._pace = self._pace, None
            acknowledged, self._acknowledged = self._acknowledged, {}
        if pace is not None:
            encoder.set_qp(pace[0])
            encoder.set_bundle(pace[1], residual=pace[2])
        for reference_id in acknowledged:
            encoder.acknowledge(reference_id)
        if steps is not None:
            encoder.set_steps(windows=steps[0], restoration=steps[1])
        if bundle:
            encoder.start_bundle()
        if keyframe:
            encoder.force_keyframe()


class FaceWorker:
    """Owns the threads, the follower and the encoder. One picture at a time: the caller drops what is too much."""

    def __init__(
        self,
        make_encoder: Callable[[Stage], FaceEncoder],
        make_follower: Callable[[Looks], FaceFollower],
        *,
        size: int,
        measure_s: float = MEASURE_S,
        bundles: Callable[[], Bundles] | None = None,
        smaller: tuple[int, Callable[[Stage], FaceEncoder]] | None = None,
    ) -> None:
        """`bundles` is asked for what packs the encoder's motion; None: with the tables of the default weights.

        `smaller` is a second size, and what makes an encoder for it, where time may not do for the first.
        """
        self.bundles = cache(bundles or partial(BundleCoder.of, CodecConfig().weights))
        self._measure_ticks = measure_s * PTS_PER_S
        self._make_follower = make_follower
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="face")
        self._stages = StageClock(clock=time.perf_counter)
        self._follower: FaceFollower | None = None
        makes = {size: make_encoder} | ({} if smaller is None else {smaller[0]: smaller[1]})
        self._encoders = EncoderSizes(makes, stage=self._stages.stage)
        self.sizes = self._encoders.sizes  # that pictures may be coded at: the call's own, and a smaller one
        self._square_rgb: Image | None = None  # the last picture coded
        self._coded_pts: int | None = None  # of that picture; None once it is measured, and of a keyframe
        self._measured_pts: int | None = None
        self._psnr_db = 0.0
        self._measured = False  # since the last picture
        self.orders = Orders()

    async def warm(self) -> None:
        """Loads detector and networks, unless they are there. Raises what `codec` does (WeightsError, MediaError)."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    async def encode(self, picture: Picture, *, code: bool) -> EncodedPicture:
        """Follows the face in `picture`, and codes it if `code`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, picture, code)

    async def measure(self, *, soon: bool = False) -> None:
        """Measures the last frame if it is time for that, or anyway if `soon`; to be called when the frame has left.

        The next result brings the value. Keyframes are left out: they say nothing of the frames that build on them.
        """
        pts, before = self._coded_pts, self._measured_pts
        apart = round(self._measure_ticks * self.orders.every)
        if pts is not None and (soon or before is None or pts - before >= apart):
            self._coded_pts, self._measured_pts = None, pts
            await asyncio.get_running_loop().run_in_executor(self._thread, self._measure)

    def close(self) -> None:
        """Lets the threads end after the picture in hand."""
        for thread in (self._thread, self._looking):
            thread.shutdown(wait=False, cancel_futures=True)
        self._encoders.close()

    def _load(self) -> FaceFollower:
        if self._follower is None:
            self._follower = self._make_follower(Looks(self._looking, stage=self._stages.stage))
        assert self._encoders.current is not None
        return self._follower

    def _work(self, picture: Picture, code: bool) -> EncodedPicture:
        follower = self._load()
        stage = self._stages.stage
        coded, report = None, None
        measured, self._measured = self._measured and code, False
        with stage("total"):
            followed = follower.follow(picture.image_rgb, pts=picture.pts, every=self.orders.every)
            if code:
                encoder = self._encoders.turn(self.orders.size)
                with stage("crop"):
                    self._square_rgb = followed.crop.extract(picture.image_rgb, self._encoders.size)
                self.orders.carry_out(encoder)
                coded = encoder.encode(self._square_rgb, pts=picture.pts)
                report = encoder.report
                self._coded_pts = picture.pts
                if report.is_keyframe:
                    self._coded_pts, self._psnr_db, measured = None, report.psnr_db, False
        return EncodedPicture(
            picture, followed.crop, followed.found, coded, report, self._psnr_db, measured, self._stages.take_totals()
        )

    def _measure(self) -> None:
        assert self._square_rgb is not None
        self._measured = True
        self._psnr_db = psnr_db(self._encoders.current.reconstruction, self._square_rgb)
