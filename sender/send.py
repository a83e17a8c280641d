"""Stage 1 to 6: the one owner of a call's sending end; pictures in, messages and an H.264 track out."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiortc.stats import RTCTransportStats

from codec.pictures.crop import Crop
from sender.capture import Capture
from sender.control import ControlDesk, KeyframeGate
from sender.encode import EncodedPicture, FaceWorker
from sender.errors import OptionsError
from sender.fallback import FallbackTrack, H264Worker
from sender.meter import Figures, Meter, for_receiver
from sender.mode import ModeMachine, ModeRules, RequestedMode
from sender.newest_slot import SlotClosed
from sender.options import SenderOptions
from sender.transmit import RETRY_S, Transmitter
from signaling.messages import KeyframeRequest, ModeSwitch, QualityReport, ReceiverReport, ReferenceReceived
from signaling.transport.channels import Channels

__all__ = ["FaceSender", "first_error"]

_REPORT_S = 1.0
_REPORTS_PER_PING = 5
_OVERLAP_S = 1.0  # H.264 goes on so long at most after keypoints took over, until their keyframe has arrived
_DRAIN_S = 2.0  # at the end of a source, for what still waits

Stats = Callable[[], Awaitable[Mapping[str, Any]]]


class FaceSender:
    """Sends the pictures of one capture over three channels and, beside them, an H.264 track.

    `run` does the work, in a task of the application's own; it returns when the source ends, when the channels close or
    after `close`. The receiver may join at any time before or after: each call begins with a keyframe.
    """

    def __init__(
        self,
        channels: Channels,
        capture: Capture,
        *,
        worker: FaceWorker,
        options: SenderOptions,
        video: FallbackTrack | None = None,
        stats: Stats | None = None,
        keeps: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `keeps`, capture and worker outlive this call and are somebody else's to warm, run and close.

        Raises OptionsError for a mode that needs H.264 when there is no track for it.
        """
        if video is None and options.mode in ("h264", "compare"):
            raise OptionsError(f"--mode {options.mode} needs an H.264 track")
        requested: RequestedMode = "keypoints" if video is None else options.mode
        self.options = options
        self.ended = ""  # why `run` returned
        self.opened = asyncio.Event()  # the receiver is there, and the next picture will go to it
        self._channels = channels
        self._capture = capture
        self._worker = worker
        self._stats = stats
        self._keeps = keeps
        self._clock = clock
        self._meter = Meter(clock=clock)
        self._machine = ModeMachine(requested, ModeRules(floor_db=options.floor_db))
        self._keyframes = KeyframeGate()
        self._key_pictures = KeyframeGate()
        self._qp: int | None = None  # of the last frame
        self._transmitter = Transmitter(
            channels,
            bundle=options.bundle,
            reference_bytes_per_s=options.reference_kbps * 125,
            meter=self._meter,
            clock=clock,
            lost_track=worker.orders.force_keyframe,
        )
        self._video = video
        self._h264 = H264Worker(size=options.size, kbps=options.h264_kbps) if video is not None else None
        if video is not None:
            video.set_overflow(self._key_pictures.ask)
        self._crop: Crop | None = None
        self._pts = 0
        self._needs_keyframe = True  # what the codec makes is of no use to the receiver until the next keyframe
        self._overlap_until_s = 0.0
        self._first = asyncio.Event()  # a picture has been followed
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()  # at the end: nothing waits any more
        self._idle.set()
        self._h264_done = asyncio.Event()  # at the end: its last picture is out
        self._open = asyncio.Event()  # the channels are open, or never will be
        self._stopped = asyncio.Event()
        self._reports = 0
        self._told: dict[str, float] = {}  # clocks that the receiver knows
        self._watchers: list[Callable[[Figures], None]] = []
        self._desk = ControlDesk(channels.control, self, clock=clock)
        for channel in (channels.reference, channels.motion, channels.control):
            channel.set_state(self._on_state)

    @property
    def meter(self) -> Figures:
        """The figures of the last second; empty in the first."""
        return self._meter.latest

    @property
    def mode(self) -> str:
        """What carries the call now: keypoints, h264 or compare."""
        return self._machine.carrier

    def watch_meter(self, callback: Callable[[Figures], None]) -> None:
        """Hands the meter's figures to `callback` once a second."""
        self._watchers.append(callback)

    async def run(self) -> None:
        """Sends until there is nothing more to send or nobody to send to; `ended` says which.

        Raises SourceError when the source breaks, CodecError when the codec cannot work (weights, pictures).
        """
        try:
            if not self._keeps:
                await self._worker.warm()
            await self._open.wait()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work()) for work in self._parts()]
                await self._stopped.wait()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            self._stopped.set()
            self._release()

    async def close(self, why: str = "closed") -> None:
        """Ends `run`. The connection and its channels stay the application's."""
        self._stop(why)

    def _parts(self) -> list[Callable[[], Any]]:
        parts: list[Callable[[], Any]] = [self._send_keypoints, self._pump, self._report]
        if self._video is not None:
            parts.append(self._send_h264)
        if not self._keeps:
            parts.append(self._capture.run)
        return parts

    def _release(self) -> None:
        if self._h264 is not None:
            self._h264.close()
        if not self._keeps:
            self._worker.close()

    def _stop(self, why: str) -> None:
        self.ended = self.ended or why
        self._stopped.set()
        self._open.set()

    def _on_state(self, is_open: bool) -> None:
        if not is_open:
            self._stop("the receiver is gone")
        elif self._channels.is_open:
            self._open.set()

    # Keypoints

    async def _send_keypoints(self) -> None:
        slot = self._capture.subscribe()
        self.opened.set()
        self._worker.orders.force_keyframe()
        self._desk.send(ModeSwitch(mode=self._machine.carrier, pts=0))
        try:
            while True:
                picture = await slot.get()
                codes = self._machine.codes_keypoints
                if codes and self._keyframes.take(now_s=self._clock()):
                    self._worker.orders.force_keyframe()
                self._take(await self._worker.encode(picture, code=codes))
                if self._machine.codes_keypoints:
                    await self._worker.measure(soon=self._machine.doubts_quality)
                self._meter.set_count("dropped", slot.dropped)
        except SlotClosed:
            await self._drain()
            self._stop("the source has ended")
        finally:
            self._capture.unsubscribe(slot)

    def _take(self, done: EncodedPicture) -> None:
        """What became of one picture: the mode, the meters, the channels."""
        now_s = self._clock()
        self._crop, self._pts = done.crop, done.picture.pts
        self._first.set()
        self._meter.stages({"capture": done.picture.capture_ms, **done.stage_ms})
        changed = self._machine.see_face(done.found, now_s=now_s)
        if done.measured:
            changed |= self._machine.see_quality(done.psnr_db, now_s=now_s)
        if self._machine.take_refresh():
            self._worker.orders.force_keyframe()
        if changed:
            self._change_over(now_s)
        if done.coded is None or done.report is None:
            return
        self._qp = done.report.qp
        sent = self._machine.sends_keypoints and (done.report.is_keyframe or not self._needs_keyframe)
        is_news = done.measured or done.report.is_keyframe
        self._meter.frame("keypoints", psnr_db=done.psnr_db if is_news else None, sent=sent)
        if sent:
            self._needs_keyframe = False
            if done.report.is_keyframe:
                self._keyframes.sent(now_s=now_s, receipt=True)
                self._meter.count("keyframes")
            self._meter.count("references", int(done.report.reference_bits > 0))
            if self._transmitter.send(done.coded):
                self._worker.orders.start_bundle()
            self._wake.set()

    def _change_over(self, now_s: float) -> None:
        """The carrier has changed: tells the receiver, and starts the new one afresh."""
        self._meter.count("changes")
        self._desk.send(ModeSwitch(mode=self._machine.carrier, pts=self._pts))
        self._transmitter.flush()
        self._transmitter.drop()
        self._needs_keyframe = True
        if self._machine.sends_keypoints:
            self._worker.orders.force_keyframe()
            self._overlap_until_s = now_s + _OVERLAP_S
        else:
            self._key_pictures.ask()

    async def _pump(self) -> None:
        """Hands over what the channels had no room for before."""
        while True:
            self._wake.clear()
            wait_s = self._transmitter.pump()
            if self._transmitter.is_idle:
                self._idle.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s if self._idle.is_set() else wait_s or RETRY_S):
                    await self._wake.wait()

    async def _drain(self) -> None:
        """The last frames leave too, if the line lets them."""
        self._transmitter.flush()
        self._idle.clear()
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self._idle.wait()
                if self._video is not None:
                    await self._h264_done.wait()

    # H.264

    async def _send_h264(self) -> None:
        assert self._video is not None
        assert self._h264 is not None
        slot = self._capture.subscribe()
        was_live = False
        try:
            await self._first.wait()
            while True:
                picture = await slot.get()
                is_live = self._machine.sends_h264 or self._clock() < self._overlap_until_s
                if is_live:
                    asked = self._key_pictures.take(now_s=self._clock())
                    assert self._crop is not None
                    coded, stage_ms = await self._h264.encode(picture, self._crop, force_key=asked or not was_live)
                    self._video.deliver(coded)
                    if coded.is_key:
                        self._key_pictures.sent(now_s=self._clock(), receipt=False)
                    self._meter.frame("h264", psnr_db=coded.psnr_db, sent=True)
                    self._meter.rtp(coded.rtp_payloads)
                    self._meter.stages(stage_ms)
                was_live = is_live
        except SlotClosed:
            self._h264_done.set()
        finally:
            self._capture.unsubscribe(slot)

    # What the receiver says

    def on_keyframe_request(self, request: KeyframeRequest) -> None:
        """A keyframe soon, or a key picture when H.264 carries the call."""
        self._meter.count("keyframe_requests")
        if self._machine.sends_keypoints:
            self._keyframes.ask()
        else:
            self._key_pictures.ask()

    def on_reference_received(self, received: ReferenceReceived) -> None:
        """A reference has arrived: the encoder may build on it, and H.264 need not run beside keypoints any more."""
        if self._transmitter.acknowledge(received.reference_id, number=received.number):
            self._worker.orders.acknowledge(received.reference_id)
            self._keyframes.received()
            self._overlap_until_s = 0.0

    def on_receiver_report(self, report: ReceiverReport) -> None:
        """Into the meter."""
        self._meter.hear(report)

    # Meters

    async def _report(self) -> None:
        """The figures, once a second; at once with the first picture, because they tell the receiver the clock."""
        await self._first.wait()
        while True:
            if self._stats is not None:
                self._read_stats(await self._stats())
            self._tell()
            await asyncio.sleep(_REPORT_S)

    def _read_stats(self, report: Mapping[str, Any]) -> None:
        for entry in report.values():
            if isinstance(entry, RTCTransportStats):
                self._meter.connection(
                    sent_bytes=entry.bytesSent,
                    sent_packets=entry.packetsSent,
                    received_bytes=entry.bytesReceived,
                    received_packets=entry.packetsReceived,
                )

    def _tell(self) -> None:
        meter, video, epoch_s = self._meter, self._video, self._capture.epoch_s
        for name, total in {
            "captured": self._capture.pictures,
            "stale": self._transmitter.stale_frames,
            "h264_dropped": video.dropped if video is not None else 0,
            "control_bytes": self._desk.sent_bytes,
            "control_messages": self._desk.sent_messages,
            "refused_messages": self._desk.refused,
        }.items():
            meter.set_count(name, total)
        meter.states = {
            "pts_origin_us": round(epoch_s * 1e6) if epoch_s is not None else None,
            "h264_origin_pts": video.first_pts if video is not None else None,
            "qp": self._qp,
            "round_trip_ms": self._desk.round_trip_ms,
            "queue_bytes": self._channels.queued_bytes,
        }
        figures = meter.snapshot(mode=self._machine.carrier)
        clocks = {name: meter.states[name] for name in ("pts_origin_us", "h264_origin_pts")}
        news = {name: value for name, value in clocks.items() if value is not None and self._told.get(name) != value}
        self._told.update(news)  # the control channel is reliable: once is enough
        self._desk.send(
            QualityReport(
                pts=self._pts,
                keypoints_psnr_db=meter.psnr_db("keypoints"),
                h264_psnr_db=meter.psnr_db("h264"),
                mode=self._machine.carrier,
                figures={**for_receiver(figures), **news},
            )
        )
        self._reports += 1
        if self._reports % _REPORTS_PER_PING == 1:
            self._desk.ping()
        for callback in self._watchers:
            callback(figures)


def first_error(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group that holds groups."""
    error: BaseException = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
