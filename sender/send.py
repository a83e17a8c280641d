"""Stage 1 to 6: the one owner of a call's sending end; pictures in, messages and an H.264 track out."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from codec.pictures.crop import Crop
from sender.capture import Capture
from sender.encode import EncodedPicture, FaceWorker
from sender.errors import OptionsError
from sender.h264.fallback import FallbackTrack
from sender.h264.fallback_flow import FallbackFlow
from sender.meter import Figures, Meter
from sender.newest_slot import SlotClosed
from sender.options import SenderOptions
from sender.pace import Pacer, SenderLevers
from sender.references.assumed import Assumed
from sender.references.keyframe_gate import KeyframeGate
from sender.report import CallState, Report, Stats, call_state, capabilities_of
from sender.sound import SoundFlow
from sender.transmit import Transmitter
from sender.work.mode import ModeMachine, ModeRules, RequestedMode
from sender.work.workload import Workload
from signaling.programs.ends import End, first_error
from signaling.protocol.capabilities import why_not
from signaling.protocol.messages import (
    Capabilities,
    KeyframeRequest,
    LoadReport,
    Message,
    ModeSwitch,
    ReceiverReport,
    ReferenceReceived,
)
from signaling.transport.channels import Channels
from signaling.transport.control import ControlChannel

__all__ = ["FaceSender"]

_DRAIN_S = 2.0  # at the end of a source, for what still waits


class FaceSender(End):
    """Sends the pictures of one capture over channels and, beside them, an H.264 track; and `sound`, if there is some.

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
        sound: SoundFlow | None = None,
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
        self._keeps, self._sound = keeps, sound
        self._clock = clock
        self._meter = Meter(clock=clock)
        self._rules = ModeRules(floor_db=options.floor_db)
        self._machine = ModeMachine(requested, self._rules)
        self._keyframes = KeyframeGate()
        self.work = Workload(sets=worker.orders.set_steps, sizes=worker.sizes, clock=clock)
        self._qp: int | None = None  # of the last frame
        self._pacer = Pacer(channels, options=options, sound=sound is not None, clock=clock)
        self._assumed = Assumed(in_order=channels.in_order, held=self._on_reference_held, clock=clock)
        self._transmitter = Transmitter(
            channels,
            bundle=options.bundle,
            bundles=worker.bundles,
            reference_bytes_per_s=options.reference_kbps * 125,
            meter=self._meter,
            clock=clock,
            lost_track=worker.orders.force_keyframe,
            ride=(lambda motion: False) if sound is None else sound.carry,
            rides=(lambda: False) if sound is None else sound.is_leaving,
            has_room=self._pacer.has_room,
            left=self._assumed.left,
        )
        flow = partial(FallbackFlow, size=options.size, kbps=options.h264_kbps, meter=self._meter, clock=clock)
        beside = self._pacer.sent_beside
        self._fallback = None if video is None else flow(video, is_asked=channels.hears, sent=beside)
        self._crop: Crop | None = None
        self._pts = 0
        self._needs_keyframe = True  # what the codec makes is of no use to the receiver until the next keyframe
        self._first = asyncio.Event()  # a picture has been followed
        self._wake, self._idle = asyncio.Event(), asyncio.Event()  # idle: at the end, nothing waits any more
        self._idle.set()
        self._open = asyncio.Event()  # the channels are open, or never will be
        self._stopped = asyncio.Event()
        self._refused: Callable[[str], None] = lambda reason: None
        self.refusal: str | None = None  # why the receiver cannot read keypoints, once it has said what it can
        self._control = ControlChannel(
            channels.control, now_us=lambda: round(clock() * 1e6), heed=self._heed, on_peer=self._on_peer
        )
        self.probe = self._control.ping  # asks the receiver for a sign of life
        channels.control.set_receiver(self._control.receive)
        self._report = Report(self._meter, self._control, state=self._call_state, stats=stats)
        self.beside = self._report.beside  # figures that the receiver is told besides
        for channel in (channels.reference, channels.motion, channels.control):
            channel.set_state(self._on_state)

    def figures(self) -> Figures:
        """The figures of the last second, and totals since the first; zeros before it."""
        return self._meter.latest

    @property
    def mode(self) -> str:
        """What carries the call now: keypoints, h264 or compare."""
        return self._machine.carrier

    def watch_meter(self, callback: Callable[[Figures], None]) -> None:
        """Hands the meter's figures to `callback` once a second."""
        self._report.watch(callback)

    def watch_refusals(self, callback: Callable[[str], None]) -> None:
        """`callback` learns why the receiver cannot read keypoints, if it cannot."""
        self._refused = callback

    def introduce(self) -> None:
        """Says what a receiver is told first: once in a call; again where others may have come to hear the same."""
        self._control.send(self._capabilities)
        self._control.send(ModeSwitch(mode=self._machine.carrier, pts=self._pts))
        self._report.introduce()

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
        parts_of_it = self._transmitter, self._worker.orders, self._keyframes, self._sound, self._fallback
        levers = SenderLevers(*parts_of_it, self._pacer.sound_has_room)
        tell, pace = partial(self._report.run, begun=self._first), partial(self._pacer.run, levers)
        pump = partial(self._transmitter.keep_pumping, wake=self._wake, idle=self._idle)
        parts: list[Callable[[], Any]] = [self._send_keypoints, pump, tell, pace]
        if self._fallback is not None:
            wanted, crop = (lambda: self._machine.sends_h264), (lambda: self._crop)
            parts.append(partial(self._fallback.run, self._capture, begun=self._first, wanted=wanted, crop=crop))
        if self._sound is not None:
            parts.append(self._sound.run)
        if not self._keeps:
            parts.append(self._capture.run)
        return parts

    def _release(self) -> None:
        if self._fallback is not None:
            self._fallback.close()
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

    async def _send_keypoints(self) -> None:
        slot = self._capture.subscribe()
        self.opened.set()
        self._worker.orders.force_keyframe()
        self.introduce()
        try:
            while True:
                picture = await slot.get()
                codes = self._machine.codes_keypoints
                if self.work.skips(picture.pts, coded=codes) or not self._pacer.takes_picture():
                    continue
                waits = self._transmitter.keyframe_waits
                if codes and not waits and self._keyframes.take(now_s=self._clock()):
                    self._worker.orders.force_keyframe()
                self._take(await self._worker.encode(picture, code=codes))
                if self._machine.codes_keypoints:
                    await self._worker.measure(soon=self._machine.doubts_quality)
                if self.work.done(captured=self._capture.pictures) and self._machine.see_overload(self._clock()):
                    self._change_over()
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
        self._assumed.settle()
        self._meter.stages({"capture": done.picture.capture_ms, **done.stage_ms})
        self._machine.h264_fits = self._pacer.shares.h264_fits
        changed = self._machine.see_face(done.found, now_s=now_s)
        if done.measured:
            changed |= self._machine.see_quality(done.psnr_db, now_s=now_s)
        if self._machine.take_refresh():
            self._worker.orders.force_keyframe()
        if changed:
            self._change_over()
        if done.coded is None or done.report is None:
            return
        self._qp = done.report.qp
        self._pacer.see(done.report)
        sent = self._machine.sends_keypoints and (done.report.is_keyframe or not self._needs_keyframe)
        news_db = done.psnr_db if done.measured or done.report.is_keyframe else None
        self._meter.frame("keypoints", psnr_db=news_db, sent=sent)
        if sent:
            self._needs_keyframe = False
            if done.report.is_keyframe:
                self._keyframes.sent(now_s=now_s, receipt=not self._channels.in_order)
                self._meter.count("keyframes")
            self._meter.count("references", int(done.report.reference_bits > 0))
            if self._transmitter.send(done.coded):
                self._worker.orders.start_bundle()
            self._wake.set()

    def _change_over(self) -> None:
        """The carrier has changed: tells the receiver, and starts the new one afresh."""
        self._meter.count("changes")
        self._control.send(ModeSwitch(mode=self._machine.carrier, pts=self._pts))
        self._transmitter.flush()
        self._transmitter.drop()
        self._needs_keyframe = True
        if self._machine.sends_keypoints:
            self._worker.orders.force_keyframe()
        if self._fallback is not None:
            (self._fallback.overlap if self._machine.sends_keypoints else self._fallback.ask)()

    async def _drain(self) -> None:
        """The last frames leave too, if the line lets them."""
        self._transmitter.flush()
        self._idle.clear()
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self._idle.wait()
                if self._fallback is not None:
                    await self._fallback.done.wait()

    # What the receiver says

    @cached_property
    def _capabilities(self) -> Capabilities:
        """Asked for once the connection is there: before that the track has no mid."""
        return capabilities_of(self.options, h264_mid=None if self._fallback is None else self._fallback.track.mid)

    def _on_peer(self, peer: Capabilities | None) -> None:
        """What the receiver can, or None where it does not say: it is then as receivers of 0.1 were."""
        self.refusal = None if peer is None else why_not(self._capabilities, peer)
        self._pacer.meet(peer)
        self.work.meet(peer)
        if self._sound is not None:
            self._sound.meet(peer)
        if self.refusal is None:
            return
        self._refused(self.refusal)
        if self._fallback is not None and self.options.mode == "auto":
            self._machine = ModeMachine("h264", self._rules)
            self._change_over()

    def _heed(self, message: Message) -> bool:
        """One message of the receiver; False when it is none for a sender."""
        match message:
            case KeyframeRequest():
                self._on_keyframe_request()
            case ReferenceReceived():
                self._on_reference_held(message.reference_id, message.number)
            case ReceiverReport():
                self._meter.hear(message)
                if self._sound is not None:
                    self._sound.bundler.hear_loss(message.sound_loss)
            case LoadReport():
                self.work.hear(message.load)
            case _:
                return False
        return True

    def _on_keyframe_request(self) -> None:
        """A keyframe soon, or a key picture when H.264 carries the call."""
        self._meter.count("keyframe_requests")
        if self._machine.sends_keypoints:
            self._keyframes.ask()
        elif self._fallback is not None:
            self._fallback.ask()

    def _on_reference_held(self, reference_id: int, number: int) -> None:
        """A reference has arrived: the encoder may build on it, and H.264 need not run beside keypoints any more."""
        if self._transmitter.acknowledge(reference_id, number=number):
            self._worker.orders.acknowledge(reference_id)
            self._keyframes.received()
            if self._fallback is not None:
                self._fallback.end_overlap()

    def _call_state(self) -> CallState:
        return call_state(
            mode=self._machine.carrier,
            pts=self._pts,
            capture=self._capture,
            stale=self._transmitter.stale_frames,
            video=None if self._fallback is None else self._fallback.track,
            sound={} if self._sound is None else self._sound.figures(),
            states={"qp": self._qp, "queue_bytes": self._channels.queued_bytes}
            | self.work.states
            | self._pacer.states(),
        )
