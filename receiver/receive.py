"""Stages 6 to 10: the one owner of a call's receiving end; channels and a track in, one continuous picture out."""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from codec import MotionState
from codec.bits.packet import MotionMessage, ReferenceAssembler, ReferenceFragment
from codec.errors import BitstreamError
from codec.units import PTS_PER_S
from receiver.control import Control
from receiver.decode import DecodeThread, Decoding, FaceDecoder, Lane, Read, Referenced, Rendered, Worker
from receiver.due_pictures import Due, Ready
from receiver.jitterbuffer import JitterBuffer
from receiver.meter import Figures, Meter, StageTimes
from receiver.options import ReceiverOptions
from receiver.picture import Picture
from receiver.playout import Playout, Slot
from receiver.selection import Mode, Selection
from receiver.stats import read_stats
from receiver.track import FaceTrack
from signaling.messages import ReceiverReport, ReferenceReceived
from signaling.transport.channels import Channels
from signaling.transport.peer import open_channels

__all__ = ["FaceReceiver", "receive_face"]

TICK_S = 0.1
TICKS_PER_REPORT = 10
AHEAD_US = 40_000  # pictures are made so long before they are due, where their motion is here
DEFAULTS = ReceiverOptions()

Stats = Callable[[], Awaitable[Mapping[str, Any]]]


class FaceReceiver:
    """Receives a face over three channels and, beside them, an H.264 track.

    `run` does the work, in a task of the application's own; it returns when the channels close or after `close`.
    `track` is the picture as a MediaStreamTrack. `watch` and `watch_meter` hand out the same to callbacks on the event
    loop. A late joiner asks for a keyframe at once.

    `stats` is the connection's getStats; `worker` and `decoder` are where and by what pictures are decoded, if not by
    a thread of our own and codec.Decoder.
    """

    def __init__(
        self,
        channels: Channels,
        *,
        options: ReceiverOptions = DEFAULTS,
        video: MediaStreamTrack | None = None,
        stats: Stats | None = None,
        worker: Worker | None = None,
        decoder: Decoding | None = None,
    ) -> None:
        self.track = FaceTrack()
        self.counts: Counter[str] = Counter()  # malformed by channel, missing references, pictures shown
        self._channels, self._stats, self._worker = channels, stats, worker
        self._stages = StageTimes(clock=time.perf_counter)
        self._decoder = decoder or FaceDecoder(options.codec, stage=self._stages.time)
        self._messages: JitterBuffer[MotionMessage] = JitterBuffer(wait_us=options.reorder_ms * 1000)
        self._playout: Playout[MotionState] = Playout(
            margin_us=options.margin_ms * 1000, ahead_us=AHEAD_US, longest_us=options.longest_delay_ms * 1000
        )
        self._ready = Ready()
        self._assembler = ReferenceAssembler()
        self._selection = Selection(stall_us=options.stall_ms * 1000)
        self._control = Control(channels.control, now_us=self._now_us, on_mode=self._on_mode, counts=self.counts)
        self._meter = Meter()
        self._held: tuple[int, ...] = ()
        self._shown: list[Callable[[Picture], None]] = [self.track.offer]
        self._every: list[Callable[[Picture], None]] = []
        self._refused: Callable[[str], None] = lambda reason: None
        self._refusals: set[str] = set()
        self._untimed: deque[Picture] = deque(maxlen=64)
        self._metered: list[Callable[[Figures], None]] = []
        self._wake = asyncio.Event()
        self._video_there = asyncio.Event()
        self._stopped = asyncio.Event()
        self._loaded = asyncio.Event()  # or never will be: failed, closed
        self._prepared = self._running = False
        self._failure: BaseException | None = None
        self._video: MediaStreamTrack | None = None
        if video is not None:
            self.add_video(video)

    def watch(self, callback: Callable[[Picture], None], *, every: bool = False) -> None:
        """Hands each picture shown to `callback`; with `every`, the pictures of both codecs, shown or not."""
        (self._every if every else self._shown).append(callback)

    def watch_refusals(self, callback: Callable[[str], None]) -> None:
        """`callback` learns, once a reason, why references cannot be used: other weights, say."""
        self._refused = callback

    def watch_meter(self, callback: Callable[[Figures], None]) -> None:
        """Hands the meter's figures to `callback` once a second."""
        self._metered.append(callback)

    def add_video(self, track: MediaStreamTrack) -> None:
        """Takes the remote H.264 track; the first video track counts."""
        if self._video is None and track.kind == "video":
            self._video = track
            self._video_there.set()

    async def run(self) -> None:
        """Receives until the channels close or `close` is called.

        Raises WeightsError or ConfigError if the decoder cannot be made.
        """
        worker = self._start()
        self._running = True
        self._channels.reference.set_receiver(self._on_reference)
        self._channels.motion.set_receiver(self._on_motion)
        self._channels.control.set_receiver(self._control.receive)
        self._channels.control.set_state(self._on_state)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work()) for work in (self._play, self._tick, self._receive_h264)]
                await self._stopped.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._stopped.set()
            await worker.close()
        if self._failure is not None:
            raise self._failure

    def prepare(self) -> None:
        """Begins to load the networks, in the worker, so that the first picture does not wait for them; optional."""
        self._start()

    async def prepared(self) -> None:
        """Waits until `prepare` is through. Raises what `run` would: WeightsError or ConfigError."""
        self._start()
        await self._loaded.wait()
        if self._failure is not None:
            raise self._failure

    def _start(self) -> Worker:
        if self._worker is None:
            self._worker = DecodeThread(failed=self._fail)
        if not self._prepared:
            self._prepared = True
            self._worker.post("keyframe", self._decoder.prepare, lambda _: self._loaded.set())
        return self._worker

    async def close(self) -> None:
        """Ends `run` and the track. The connection and its channels stay the application's."""
        self._stopped.set()
        self._loaded.set()
        self.track.stop()
        if self._worker is not None and not self._running:
            await self._worker.close()

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._loaded.set()
        self._stopped.set()

    @staticmethod
    def _now_us() -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    # Arrivals

    def _on_state(self, is_open: bool) -> None:
        if is_open:
            self._control.opened()
        else:
            self._stopped.set()

    def _on_mode(self, mode: Mode) -> None:
        self._selection.mode = mode

    def _on_reference(self, data: bytes) -> None:
        try:
            fragment = ReferenceFragment.parse(data)
            whole = self._assembler.add(fragment)
        except BitstreamError:
            self.counts["malformed_reference"] += 1
            return
        self._control.requests.arriving(now_us=self._now_us())
        self._meter.message(payload_bytes=len(fragment.data), message_bytes=len(data), reference=True)
        if whole is not None:
            lane: Lane = "keyframe" if self._decoder.is_keyframe(whole) else "reference"
            self._post(lane, partial(self._decoder.add_reference, whole), self._referenced)

    def _on_motion(self, data: bytes) -> None:
        try:
            message = MotionMessage.parse(data)
        except BitstreamError:
            self.counts["malformed_motion"] += 1
            return
        payload_bytes = sum(map(len, message.frames))
        self._meter.message(payload_bytes=payload_bytes, message_bytes=len(data), frames=len(message.frames))
        self._messages.add(message.sequence, message, now_us=self._now_us())
        self._release()
        self._wake.set()

    # Decoding

    def _post(
        self, lane: Lane, job: Callable[[], Any], done: Callable[[Any], None], *, until_s: float = math.inf
    ) -> None:
        if self._worker is not None and not self._stopped.is_set():
            self._worker.post(lane, job, done, until_s=until_s)

    def _release(self) -> None:
        for released in self._messages.take(now_us=self._now_us()):
            job = partial(self._decoder.read, released.message.frames, arrived_us=released.arrived_us)
            self._post("read", job, self._read)
        counts = self._messages.counts
        self._meter.motion_loss(lost=counts["lost"], expected=counts["lost"] + counts["received"])

    def _referenced(self, result: Referenced) -> None:
        self._held = result.held
        if result.reference_id is None:
            self.counts[f"reference_{result.problem}"] += 1
            self._control.need_keyframe(f"reference {result.problem}")
            if result.reason and result.reason not in self._refusals:
                self._refusals.add(result.reason)
                self._refused(result.reason)
        else:
            self._control.send(ReferenceReceived(reference_id=result.reference_id, number=result.number))
        self._read(result.freed)

    def _read(self, result: Read) -> None:
        self.counts["malformed_frames"] += result.malformed
        self.counts["missing_reference"] += result.missing
        self.counts["broken_chains"] += result.unchained
        if result.missing:
            self._control.need_keyframe("reference missing")
        for state, arrived_us in result.states:
            self._playout.add(state, arrived_us=arrived_us)
        self._wake.set()

    async def _play(self) -> None:
        while True:
            self._wake.clear()
            self._release()
            slot = self._playout.take(now_us=self._now_us())
            if slot is not None:
                self._render(slot)
            self._show_due()
            await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        times = (self._messages.deadline_us, self._playout.due_us, self._ready.due_us)
        due = [due_us for due_us in times if due_us is not None]
        delay_s = max(0, min(due) - self._now_us()) / 1e6 if due else None
        try:
            async with asyncio.timeout(delay_s):
                await self._wake.wait()
        except TimeoutError:
            pass  # something is due

    def _render(self, slot: Slot[MotionState]) -> None:
        if self._every or self._selection.wants("keypoints", now_us=self._now_us()):
            rendered = partial(self._rendered, asked_us=self._now_us())
            self._post("render", partial(self._decoder.render, slot), rendered, until_s=slot.due_us / 1e6)

    def _rendered(self, result: Rendered, *, asked_us: int) -> None:
        if result.image_rgb is None:
            self.counts[f"render_{result.problem}"] += 1
            if result.problem == "missing":
                self._control.need_keyframe("reference missing")
            return
        self._playout.prepared(self._now_us() - asked_us)
        self._ready.add(Due(result.image_rgb, result.slot.pts, result.slot.due_us))
        self._show_due()
        self._wake.set()

    def _show_due(self) -> None:
        now_us = self._now_us()
        if (due := self._ready.take(now_us=now_us)) is not None:
            self._deliver(Picture("keypoints", due.pts, now_us, due.image_rgb), timed=True)

    # H.264

    async def _receive_h264(self) -> None:
        await self._video_there.wait()
        assert self._video is not None
        while True:
            try:
                frame = await self._video.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame) and frame.pts is not None and frame.time_base is not None:
                self._take_h264(frame, round(frame.pts * frame.time_base * PTS_PER_S))

    def _take_h264(self, frame: VideoFrame, elapsed: int) -> None:
        """A decoded frame, `elapsed` (1/90000 s) after the first packet; what came before the sender told that one's
        pts is kept for the recording."""
        origin = self._control.h264_origin
        picture = Picture("h264", elapsed + (origin or 0), self._now_us(), frame)
        if origin is None and self._every:
            self._untimed.append(picture)
        elif origin is not None:
            while self._untimed:
                early = self._untimed.popleft()
                self._record(replace(early, pts=early.pts + origin))
        self._deliver(picture, timed=origin is not None)

    # Pictures and figures out

    def _deliver(self, picture: Picture, *, timed: bool) -> None:
        self._control.pictured(picture.kind)
        shown = self._selection.offer(picture.kind, now_us=picture.shown_us)
        delay_ms = self._control.delay_ms(picture) if timed else None
        self._meter.decoded(picture.kind, pts=picture.pts, delay_ms=delay_ms, shown=shown)
        if shown:
            self.counts["shown"] += 1
            for callback in self._shown:
                callback(picture)
        if timed:
            self._record(picture)

    def _record(self, picture: Picture) -> None:
        for callback in self._every:
            callback(picture)

    async def _tick(self) -> None:
        tick = 0
        while True:
            self._control.tick()
            if tick % TICKS_PER_REPORT == 0:
                await self._report()
            tick += 1
            await asyncio.sleep(TICK_S)

    async def _report(self) -> None:
        if self._stats is not None:
            read_stats(await self._stats(), into=self._meter)
        figures = self.figures()
        if self._channels.control.is_open:
            self._control.send(self._receiver_report(figures))
        for callback in self._metered:
            callback(figures)

    def figures(self) -> Figures:
        """The meter since the last call, and what explains it, ready for a line of JSON."""
        if (quality := self._control.quality) is not None:
            self._meter.quality(keypoints=quality.keypoints_psnr_db, h264=quality.h264_psnr_db)
        best = self._control.clock.best
        return self._meter.snapshot(now_us=self._now_us()) | {
            "mode": self._selection.mode,
            "showing": self._selection.showing,
            "changes": self._selection.changes,
            "playout_delay_ms": round(self._playout.delay_us / 1000, 1),
            "jitter_ms": round(self._playout.jitter_us / 1000, 1),
            "round_trip_ms": None if best is None else round(best.round_trip_us / 1000, 2),
            "keyframe_requests": self._control.requests.sent,
            "stages_ms": self._stages.take(),
            "messages": dict(self._messages.counts),
            "playout": dict(self._playout.counts),
            "dropped": {"ready": self._ready.skipped, **(self._worker.dropped if self._worker is not None else {})},
            "counts": dict(self.counts),
            "sender": {} if quality is None else dict(quality.figures),
        }

    def _receiver_report(self, figures: Figures) -> ReceiverReport:
        total = self._meter.total
        return ReceiverReport(
            loss=figures["keypoints"]["loss"],
            delay_ms=figures[self._selection.showing or "keypoints"]["delay_ms"],
            fps=figures["shown_fps"],
            jitter_ms=figures["jitter_ms"],
            references=self._held[:64],
            received_bytes_motion=total("keypoints", "motion_bytes"),
            received_bytes_reference=total("keypoints", "reference_bytes"),
            received_bytes_h264=total("h264", "payload_bytes"),
            received_messages_motion=total("keypoints", "motion_messages"),
            received_messages_reference=total("keypoints", "reference_messages"),
            received_packets_h264=total("h264", "messages"),
        )


def receive_face(pc: RTCPeerConnection, options: ReceiverOptions = DEFAULTS) -> FaceReceiver:
    """Attaches a receiver to `pc`, ours or an application's; call it before the offer or answer is made.

    The application runs `FaceReceiver.run` in a task of its own, shows `FaceReceiver.track`, and closes the receiver
    before `pc`.
    """
    receiver = FaceReceiver(open_channels(pc), options=options, stats=pc.getStats)
    pc.on("track", receiver.add_video)
    return receiver
