"""Stages 6 to 10: the one owner of a call's receiving end; channels and a track in, one continuous picture out."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from codec import BitstreamError, CodecConfig, MotionState
from codec.packet import MotionMessage, ReferenceAssembler, ReferenceFragment
from receiver.clocksync import ClockSync
from receiver.decode import DecodeThread, FaceDecoder, Read, Referenced, Rendered, Worker
from receiver.jitterbuffer import JitterBuffer, KeyframeRequests
from receiver.meter import Figures, Meter, StageTimes
from receiver.options import ReceiverOptions
from receiver.picture import Picture
from receiver.playout import Playout, Slot, to_us
from receiver.selection import Kind, Selection
from receiver.stats import read_stats
from receiver.track import FaceTrack
from signaling.channels import Channels
from signaling.errors import MessageError, PeerGone
from signaling.messages import (
    ClockPing,
    ClockPong,
    KeyframeRequest,
    Message,
    ModeSwitch,
    QualityReport,
    ReceiverReport,
    ReferenceReceived,
    decode,
    encode,
)
from signaling.peer import open_channels

__all__ = ["FaceReceiver", "receive_face"]

TICK_S = 0.1
TICKS_PER_REPORT = 10
QUICK_PINGS = 8  # a few exchanges at once, then one every two seconds
TICKS_PER_PING = 20

Stats = Callable[[], Awaitable[Mapping[str, Any]]]


class FaceReceiver:
    """Receives a face over three channels and, beside them, an H.264 track.

    `run` does the work, in a task of the application's own; it returns when the channels close or after `close`.
    `track` is the picture as a MediaStreamTrack. `watch` and `watch_meter` hand out the same to callbacks on the event
    loop. A late joiner asks for a keyframe at once.
    """

    def __init__(
        self,
        channels: Channels,
        *,
        options: ReceiverOptions = ReceiverOptions(),
        video: MediaStreamTrack | None = None,
        stats: Stats | None = None,
        worker: Worker | None = None,
    ) -> None:
        self.options = options
        self.track = FaceTrack()
        self.counts: Counter[str] = Counter()  # malformed by channel, missing references, pictures
        self._channels = channels
        self._stats = stats
        self._worker = worker
        self._stages = StageTimes(clock=time.perf_counter)
        self._decoder = FaceDecoder(CodecConfig(size=options.size), stage=self._stages.time)
        self._messages: JitterBuffer[MotionMessage] = JitterBuffer(wait_us=options.reorder_ms * 1000)
        self._playout: Playout[MotionState] = Playout(
            margin_us=options.margin_ms * 1000, longest_us=options.longest_delay_ms * 1000
        )
        self._assembler = ReferenceAssembler()
        self._requests = KeyframeRequests()
        self._selection = Selection(stall_us=options.stall_ms * 1000)
        self._clock = ClockSync()
        self._meter = Meter()
        self._held: tuple[int, ...] = ()
        self._reported: Counter[str] = Counter()
        self._pings = 0
        self._h264_origin: int | None = None
        self._pts_origin_us: int | None = None
        self._shown: list[Callable[[Picture], None]] = [self.track.offer]
        self._every: list[Callable[[Picture], None]] = []
        self._metered: list[Callable[[Figures], None]] = []
        self._wake = asyncio.Event()
        self._video_there = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None
        self._video = video
        if video is not None:
            self._video_there.set()

    def watch(self, callback: Callable[[Picture], None], *, every: bool = False) -> None:
        """Hands each picture shown to `callback`; with `every`, the pictures of both codecs, shown or not."""
        (self._every if every else self._shown).append(callback)

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
        worker = self._worker = self._worker or DecodeThread(failed=self._fail)
        worker.post("reference", self._decoder.prepare, lambda _: None)
        self._attach()
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

    async def close(self) -> None:
        """Ends `run` and the track. The connection and its channels stay the application's."""
        self._stopped.set()
        self.track.stop()

    def _attach(self) -> None:
        self._channels.reference.set_receiver(self._on_reference)
        self._channels.motion.set_receiver(self._on_motion)
        self._channels.control.set_receiver(self._on_control)
        self._channels.control.set_state(self._on_state)

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._stopped.set()

    def _now_us(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    # Arrivals

    def _on_state(self, is_open: bool) -> None:
        if is_open:
            self._need_keyframe("joined")
        else:
            self._stopped.set()

    def _on_reference(self, data: bytes) -> None:
        try:
            fragment = ReferenceFragment.parse(data)
            whole = self._assembler.add(fragment)
        except BitstreamError:
            self.counts["malformed_reference"] += 1
            return
        self._requests.arriving(now_us=self._now_us())
        self._meter.message(payload_bytes=len(fragment.data), message_bytes=len(data), reference=True)
        if whole is not None:
            self._post("reference", lambda: self._decoder.add_reference(whole), self._referenced)

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

    def _on_control(self, data: bytes) -> None:
        try:
            message = decode(data)
        except MessageError:
            self.counts["malformed_control"] += 1
            return
        match message:
            case ModeSwitch(mode=mode):
                self._selection.mode = mode
            case QualityReport():
                self._on_quality(message)
            case ClockPing(sent_us=sent_us):
                self._send(ClockPong(ping_us=sent_us, pong_us=self._now_us()))
            case ClockPong(ping_us=ping_us, pong_us=pong_us):
                self._clock.add(sent_us=ping_us, peer_us=pong_us, received_us=self._now_us())
            case _:
                self.counts["unexpected_control"] += 1

    def _on_quality(self, report: QualityReport) -> None:
        self._meter.quality(
            psnr_db={"keypoints": report.keypoints_psnr_db, "h264": report.h264_psnr_db}, figures=report.figures
        )
        if (origin := report.figures.get("h264_origin_pts")) is not None:
            self._h264_origin = round(origin)
        if (origin := report.figures.get("pts_origin_us")) is not None:
            self._pts_origin_us = round(origin)

    # Decoding

    def _post(self, lane: Any, job: Callable[[], Any], done: Callable[[Any], None]) -> None:
        if self._worker is not None and not self._stopped.is_set():
            self._worker.post(lane, job, done)

    def _release(self) -> None:
        for released in self._messages.take(now_us=self._now_us()):
            frames, arrived_us = released.message.frames, released.arrived_us
            self._post("read", lambda f=frames, a=arrived_us: self._decoder.read(f, arrived_us=a), self._read)
        counts = self._messages.counts
        self._meter.motion_loss(lost=counts["lost"], expected=counts["lost"] + counts["received"])

    def _referenced(self, result: Referenced) -> None:
        self._held = result.held
        if result.reference_id is None:
            self.counts[f"reference_{result.problem}"] += 1
            self._need_keyframe(f"reference {result.problem}")
        else:
            self._send(ReferenceReceived(reference_id=result.reference_id, number=result.number))
        self._read(result.freed)

    def _read(self, result: Read) -> None:
        self.counts["malformed_frames"] += result.malformed
        self.counts["missing_reference"] += result.missing
        if result.missing:
            self._need_keyframe("reference missing")
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
            await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        due = [due_us for due_us in (self._messages.deadline_us, self._playout.due_us) if due_us is not None]
        delay = max(0, min(due) - self._now_us()) / 1e6 if due else None
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _render(self, slot: Slot[MotionState]) -> None:
        if self._every or self._selection.wants("keypoints", now_us=self._now_us()):
            self._post("render", lambda: self._decoder.render(slot), self._rendered)

    def _rendered(self, result: Rendered) -> None:
        if result.image_rgb is None:
            self.counts[f"render_{result.problem}"] += 1
            if result.problem == "missing":
                self._need_keyframe("reference missing")
            return
        self._requests.satisfied()
        self._deliver(Picture("keypoints", result.slot.pts, self._now_us(), result.image_rgb))

    # H.264

    async def _receive_h264(self) -> None:
        await self._video_there.wait()
        assert self._video is not None
        while True:
            try:
                frame = await self._video.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame) and frame.pts is not None:
                pts = int(frame.pts * frame.time_base * 90_000) + (self._h264_origin or 0)
                self._deliver(Picture("h264", pts, self._now_us(), frame))

    # Pictures out

    def _deliver(self, picture: Picture) -> None:
        shown = self._selection.offer(picture.kind, now_us=picture.shown_us)
        timed = picture.kind == "keypoints" or self._h264_origin is not None
        self._meter.decoded(picture.kind, delay_ms=self._delay_ms(picture) if timed else None, shown=shown)
        if shown:
            self.counts["shown"] += 1
            for callback in self._shown:
                callback(picture)
        if timed:
            for callback in self._every:
                callback(picture)

    def _delay_ms(self, picture: Picture) -> float | None:
        """Capture to display, on the sender's clock: its time at pts 0 is told in the quality reports."""
        if self._pts_origin_us is None:
            return None
        captured_us = self._clock.to_ours(self._pts_origin_us + to_us(picture.pts))
        return None if captured_us is None else (picture.shown_us - captured_us) / 1000

    # Telling the sender

    def _need_keyframe(self, reason: str) -> None:
        self._requests.need(reason)
        self._ask_for_keyframe()

    def _ask_for_keyframe(self) -> None:
        if not self._channels.control.is_open or self._selection.mode == "h264":
            return
        reason = self._requests.poll(now_us=self._now_us())
        if reason is not None:
            self._send(KeyframeRequest(reason=reason))

    def _send(self, message: Message) -> None:
        try:
            self._channels.control.send(encode(message))
        except PeerGone:
            self.counts["unsent"] += 1

    async def _tick(self) -> None:
        tick = 0
        while True:
            self._ask_for_keyframe()
            if self._channels.control.is_open and (self._pings < QUICK_PINGS or tick % TICKS_PER_PING == 0):
                self._pings += 1
                self._send(ClockPing(sent_us=self._now_us()))
            if tick % TICKS_PER_REPORT == 0:
                await self._report()
            tick += 1
            await asyncio.sleep(TICK_S)

    async def _report(self) -> None:
        if self._stats is not None:
            read_stats(await self._stats(), into=self._meter)
        figures = self.figures()
        if self._channels.control.is_open:
            self._send(self._receiver_report(figures))
        for callback in self._metered:
            callback(figures)

    def figures(self) -> Figures:
        """The meter since the last call, as one flat-enough dict for a line of JSON."""
        figures = self._meter.snapshot(now_us=self._now_us())
        best = self._clock.best
        figures |= {
            "mode": self._selection.mode,
            "showing": self._selection.showing,
            "changes": self._selection.changes,
            "playout_delay_ms": round(self._playout.delay_us / 1000, 1),
            "jitter_ms": round(self._playout.jitter_us / 1000, 1),
            "round_trip_ms": None if best is None else round(best.round_trip_us / 1000, 2),
            "keyframe_requests": self._requests.sent,
            "stages_ms": self._stages.take(),
            "messages": dict(self._messages.counts),
            "playout": dict(self._playout.counts),
            "dropped": dict(self._worker.dropped) if self._worker is not None else {},
            "counts": dict(self.counts),
            "sender": dict(self._meter.sender),
        }
        return figures

    def _receiver_report(self, figures: Figures) -> ReceiverReport:
        showing: Kind = self._selection.showing or "keypoints"
        total = self._meter.total
        return ReceiverReport(
            loss=figures["keypoints"]["loss"],
            delay_ms=figures[showing]["delay_ms"],
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


def receive_face(pc: RTCPeerConnection, options: ReceiverOptions = ReceiverOptions()) -> FaceReceiver:
    """Attaches a receiver to `pc`, ours or an application's; call it before the offer or answer is made.

    The application runs `FaceReceiver.run` in a task of its own, shows `FaceReceiver.track`, and closes the receiver
    before `pc`.
    """
    receiver = FaceReceiver(open_channels(pc), options=options, stats=pc.getStats)
    pc.on("track", receiver.add_video)
    return receiver
