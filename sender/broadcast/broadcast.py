"""Stage 1 to 6, broadcast: one capture, coded once, to as many viewers as there are."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import Callable
from functools import partial

from aiortc import RTCPeerConnection

from sender.broadcast.agreement import Laggards, Wish, agree
from sender.broadcast.catch_up import CatchUp
from sender.broadcast.packing import SharedBundles
from sender.broadcast.report import add_viewers
from sender.broadcast.viewer import Viewer
from sender.capture import Capture
from sender.encode import EncodedPicture, FaceWorker
from sender.errors import OptionsError
from sender.meter import Figures, Meter
from sender.newest_slot import SlotClosed
from sender.options import SenderOptions
from sender.pace.pacer import PACE_S
from sender.report import CallState, Stats, call_state
from sender.sound.voice import Voice
from sender.work.workload import Workload
from signaling.programs.ends import End, first_error
from signaling.transport.channels import Channels
from signaling.transport.insides.internals import connection_stats
from signaling.transport.peer import offer_channels

__all__ = ["FaceBroadcast"]

_DRAIN_S = 2.0  # at the end of a source, for what still waits
_REPORT_S = 1.0


class FaceBroadcast(End):
    """Sends the pictures of one capture to several viewers, as keypoints: coded once, each frame the same for all.

    Viewers are attached at any time, before `run` or while it runs, and leave by closing their channels or by
    `Viewer.close`. Nothing is coded while nobody is there.
    """

    def __init__(
        self,
        capture: Capture,
        *,
        worker: FaceWorker,
        options: SenderOptions,
        voice: Voice | None = None,
        keeps: bool = False,
        keeps_voice: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`voice` goes to all viewers that take sound. With `keeps`, capture and worker outlive this and are somebody
        else's to warm, run and close; with `keeps_voice`, so does the voice.

        Raises OptionsError for a mode other than "auto" and "keypoints": there is no H.264 for several viewers.
        """
        if options.mode not in ("auto", "keypoints"):
            raise OptionsError(f"--mode {options.mode}: several viewers get keypoints alone")
        self.ended = ""  # why `run` returned
        self.viewers: list[Viewer] = []
        self._options, self._capture, self._worker, self._keeps, self._clock = options, capture, worker, keeps, clock
        self._meter, self._voice, self._keeps_voice = Meter(clock=clock), voice, keeps_voice
        if voice is not None:
            voice.give(self._speak, wanted=self._is_listened_to)
        self._packing = SharedBundles(worker.bundles)
        self._catch_up = CatchUp()
        self._laggards: Laggards[Viewer] = Laggards()
        self._agreed: Wish | None = None
        self._pending: tuple[int, int] | None = None  # the newest reference, until the encoder may build on it
        self._pictures, self._pts = 0, 0
        self._qp: int | None = None
        steps, then = worker.orders.set_steps, "nothing more can be left out"
        self.work = Workload(sets=steps, sizes=worker.sizes, clock=clock, then=then)
        self._watchers: list[Callable[[Figures], None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._somebody, self._stopped = asyncio.Event(), asyncio.Event()

    def attach(self, pc: RTCPeerConnection, *, name: str = "") -> Viewer:
        """A viewer at the other end of `pc`, whose channels are opened here: before its offer or answer.

        `name` is for figures. The connection stays the application's, which closes it when the viewer has ended.
        """
        channels = offer_channels(pc, sound=self._voice is not None)
        return self.add(channels, stats=partial(connection_stats, pc), name=name)

    def add(self, channels: Channels, *, stats: Stats | None = None, name: str = "") -> Viewer:
        """A viewer at the other end of these channels."""
        viewer = Viewer(
            channels,
            options=self._options,
            bundles=self._packing,
            name=name,
            stats=stats,
            total=self._meter,
            state=self._state,
            changed=self._settle,
            clock=self._clock,
        )
        self.viewers.append(viewer)
        self._meter.count("joins")
        self._somebody.set()
        if self._group is not None:
            self._group.create_task(self._deliver(viewer))
        return viewer

    def figures(self) -> Figures:
        """The figures of the last second, all viewers together and each by itself, and totals since the first."""
        return self._meter.latest

    def watch_meter(self, callback: Callable[[Figures], None]) -> None:
        """Hands the meter's figures to `callback` once a second."""
        self._watchers.append(callback)

    async def run(self) -> None:
        """Sends until the source ends or `close`; viewers come and go. `ended` says which.

        Raises SourceError when the source breaks, CodecError when the codec cannot work (weights, pictures).
        """
        try:
            if not self._keeps:
                await self._worker.warm()
            async with asyncio.TaskGroup() as group:
                self._group = group
                parts = [self._send, self._pace, self._report, *([] if self._keeps else [self._capture.run])]
                parts += [] if self._voice is None or self._keeps_voice else [self._voice.run]
                tasks = [group.create_task(part()) for part in parts]
                for viewer in self.viewers:
                    group.create_task(self._deliver(viewer))
                await self._stopped.wait()
                self._group = None
                for viewer in self.viewers:
                    viewer.close(self.ended)
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            self._group = None
            self._stopped.set()
            if not self._keeps:
                self._worker.close()

    async def close(self, why: str = "closed") -> None:
        """Ends `run` and all viewers. Their connections stay the application's."""
        self._stop(why)

    def _stop(self, why: str) -> None:
        self.ended = self.ended or why
        self._stopped.set()

    async def _deliver(self, viewer: Viewer) -> None:
        try:
            await viewer.run()
        finally:
            self.viewers.remove(viewer)
            self._settle()  # the others need not wait for it any more

    def _is_listened_to(self) -> bool:
        return any(viewer.sound.wanted for viewer in self.viewers)

    def _speak(self, packet: bytes, captured_s: float) -> None:
        """One frame of the voice, coded once, to all that take sound."""
        for viewer in self.viewers:
            viewer.sound.add(packet, captured_s)

    async def _send(self) -> None:
        slot = self._capture.subscribe()
        try:
            while True:
                picture = await slot.get()
                for viewer in self.viewers:
                    viewer.see_picture()
                codes = any(viewer.is_open for viewer in self.viewers)
                if self.work.skips(picture.pts, coded=codes) or not codes or not self._lines_take():
                    continue
                self._help()
                self._take(await self._worker.encode(picture, code=True))
                await self._worker.measure()
                self.work.done(captured=self._capture.pictures)
                self._meter.set_count("dropped", slot.dropped)
        except SlotClosed:
            await self._drain()
            self._stop("the source has ended")
        finally:
            self._capture.unsubscribe(slot)

    def _lines_take(self) -> bool:
        """Whether thin lines have room for a picture, of those for which there is time: of all, it might be none."""
        self._pictures += 1
        return self._agreed is None or self._pictures % self._agreed.shares.every == 0

    def _help(self) -> None:
        """Viewers that hold nothing of use catch up: by what is remembered, or by a keyframe for everybody."""
        there = sum(viewer.is_open for viewer in self.viewers)
        now_s = self._clock()
        for viewer in self.viewers:
            if not viewer.wants_help():
                continue
            if references := self._catch_up.references(viewers=there, now_s=now_s):
                viewer.catch_up(references)
                self._meter.count("catch_ups")
            elif self._catch_up.grants_keyframe(is_new=viewer.is_new, lags=viewer.lags, now_s=now_s):
                self._worker.orders.force_keyframe()
                viewer.helped()
            else:
                viewer.gate.ask()  # later

    def _take(self, done: EncodedPicture) -> None:
        """One coded picture: the meters, and all viewers."""
        assert done.coded is not None
        assert done.report is not None
        now_s, coded, report = self._clock(), done.coded, done.report
        self._pts, self._qp = done.picture.pts, report.qp
        self._meter.stages({"capture": done.picture.capture_ms, **done.stage_ms})
        self._meter.count("keyframes", int(report.is_keyframe))
        self._meter.count("references", int(report.reference_bits > 0))
        psnr_db = done.psnr_db if done.measured or report.is_keyframe else None
        self._meter.frame("keypoints", psnr_db=psnr_db, sent=True)
        reference = coded.split()[0]
        if reference is not None:
            assert reference.reference is not None
            self._catch_up.add(reference, now_s=now_s)
            self._pending = None if report.is_keyframe else (reference.reference.id, coded.number)
        cuts = [viewer.take(coded, psnr_db=psnr_db) for viewer in self.viewers if viewer.step != "closed"]
        for viewer in self.viewers:
            viewer.see(report)
        if any(cuts):
            self._worker.orders.start_bundle()
        self._settle()

    def _settle(self) -> None:
        """The encoder may build on the newest reference once all hold it that anybody waits for."""
        waited_for = [viewer for viewer in self.viewers if viewer.counts()]
        if self._pending is not None and waited_for and all(viewer.holds(*self._pending) for viewer in waited_for):
            self._worker.orders.acknowledge(self._pending[0])
            self._pending = None

    async def _pace(self) -> None:
        """Follows the lines, for as long as there is somebody."""
        while True:
            self._follow()
            await asyncio.sleep(PACE_S)

    def _follow(self) -> None:
        there = [viewer for viewer in self.viewers if viewer.is_open]
        for viewer in there:
            viewer.tick(self._agreed)
        self._laggards.see({viewer: viewer.kbps for viewer in there if viewer.is_heard()}, now_s=self._clock())
        for viewer in there:
            viewer.lags = viewer in self._laggards.lagging
        self.work.meet_all(viewer.peer for viewer in there if viewer.peer is not None)
        followed = [viewer for viewer in there if not viewer.lags and viewer.is_heard()] or there
        loads = [viewer.load for viewer in followed if viewer.load is not None]
        if len(loads) * 2 > len(followed):  # most of them are late
            self.work.hear(statistics.median_low(loads))
        wishes = [viewer.wish for viewer in followed if viewer.wish is not None]
        if not wishes:
            return
        before, self._agreed = self._agreed, agree(wishes)
        if self._voice is not None and self._is_listened_to():
            self._voice.set_kbps(self._agreed.shares.sound_kbps)
        now, was = self._agreed, before
        if was is None or (was.shares.bundle, was.shares.residual, was.qp) != (
            now.shares.bundle,
            now.shares.residual,
            now.qp,
        ):
            self._worker.orders.set_pace(qp=now.qp, bundle=now.shares.bundle, residual=now.shares.residual)

    async def _drain(self) -> None:
        """The last frames leave too, where the lines let them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await asyncio.gather(*(viewer.drain() for viewer in self.viewers))

    def _state(self) -> CallState:
        """What all viewers are told of the call."""
        return call_state(
            mode="keypoints",
            pts=self._pts,
            capture=self._capture,
            stale=0,
            video=None,
            sound={},
            states={"qp": self._qp} | self.work.states,
        )

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_S)
            self._tell()

    def _tell(self) -> None:
        state = self._state()
        for name, total in state.totals.items():
            self._meter.set_count(name, total)
        figures = self._meter.snapshot(mode="keypoints")
        figures.update(state.states)
        add_viewers(figures, [viewer for viewer in self.viewers if viewer.step != "closed"])
        for callback in self._watchers:
            callback(figures)
