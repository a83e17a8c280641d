"""Stages 6 to 10: the one owner of a call's receiving end; channels and a track in, one continuous picture out."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial

from aiortc import MediaStreamTrack

import codec
from codec import MotionState
from codec.bits.bitstream import VERSION as BITSTREAM_VERSION
from codec.stage_clock import StageClock
from codec.units import SIZES
from codec.weights.files import identify
from receiver.control import Control
from receiver.due_pictures import Due
from receiver.figures.arrivals import Arrivals
from receiver.figures.frugality import Frugality
from receiver.figures.load import DecodingLoad
from receiver.figures.meter import Figures, Meter
from receiver.figures.report import Report, receiver_report
from receiver.h264.fallback import FallbackSource
from receiver.held import Held
from receiver.motion.decode import Decoding, FaceDecoder, Read, Referenced, Rendered, Worker
from receiver.motion.intake import Intake
from receiver.motion.playout import Playout, Slot
from receiver.options import ReceiverOptions
from receiver.outlet import Outlet
from receiver.picture import Picture
from receiver.selection import Mode, Selection
from receiver.showing import Showing
from receiver.sound import SoundIntake, SoundPlayout, SoundTrack
from receiver.track import FaceTrack
from signaling.programs.ends import End, first_error
from signaling.protocol.capabilities import ARRIVALS, LOAD, PLAIN, PROTOCOL, SOUND, why_not
from signaling.protocol.messages import Capabilities, LoadReport, ReferenceReceived
from signaling.transport.channels import Channels

__all__ = ["FaceReceiver"]

TICK_S = 0.1
TICKS_PER_REPORT = 10
REPORTS_PER_WORD = 2  # the sender is told each second one: a message and its receipt are 300 bytes
MOST_REFUSALS = 8  # that are told in one call
AHEAD_US = 40_000  # pictures are made so long before they are due, where their motion is here
DEFAULTS = ReceiverOptions()


class FaceReceiver(End):
    """Receives a face over three channels and, beside them, an H.264 track; with `ReceiverOptions.sound`, a voice too.

    `run` does the work, in a task of the application's own; it returns when the channels close or after `close`.
    `track` is the picture as a MediaStreamTrack, `sound_track` the voice (or `sound` is pulled from, by one reader).
    `watch` and `watch_meter` hand out pictures and figures to callbacks on the event loop. A late joiner asks for a
    keyframe at once.

    `fallback` is where the H.264 track comes from, or `video` that track itself; `worker` and `decoder` are where and
    by what pictures are decoded, if not by a thread of our own and codec.Decoder.
    """

    def __init__(
        self,
        channels: Channels,
        *,
        options: ReceiverOptions = DEFAULTS,
        fallback: FallbackSource | None = None,
        video: MediaStreamTrack | None = None,
        worker: Worker | None = None,
        decoder: Decoding | None = None,
    ) -> None:
        self.track = FaceTrack()
        self.sound = SoundPlayout()
        self.sound_track = SoundTrack(self.sound)
        self.held = Held(now_us=self._now_us)  # whether the picture on show is an old one
        self.counts: Counter[str] = Counter()  # malformed by channel, missing references, pictures shown
        self.refusal: str | None = None  # why the sender's keypoints cannot be read, once it has said what it sends
        self._options, self._channels = options, channels
        self._fallback = fallback or FallbackSource(track=video)
        self._stages = StageClock(clock=time.perf_counter)
        self._playout: Playout[MotionState] = Playout(
            margin_us=options.margin_ms * 1000, ahead_us=AHEAD_US, longest_us=options.longest_delay_ms * 1000
        )
        self._control = Control(
            channels.control, now_us=self._now_us, on_mode=self._on_mode, on_peer=self._on_peer, counts=self.counts
        )
        self.probe = self._control.ping  # asks the sender for a sign of life
        self._fallback.watch_gaps(self._control.miss_h264)
        self._arrivals = Arrivals(channels, now_us=self._now_us)
        self._meter = Meter()
        self._intake = Intake(
            decoder or FaceDecoder(options.codec, stage=self._stages.stage),
            worker=worker,
            reorder_us=options.reorder_ms * 1000,
            now_us=self._now_us,
            meter=self._meter,
            counts=self.counts,
            on_reference=self._referenced,
            on_read=self._read,
            failed=self._stop,
        )
        self._sound = SoundIntake(self.sound, now_us=self._now_us, on_motion=self._on_motion, counts=self.counts)
        self._report = Report(
            self._meter, now_us=self._now_us, explain=self._explanation, tell=self._tell, stats=self._fallback.stats
        )
        self._load, self._frugality, self._tells_load = DecodingLoad(), Frugality(), False
        self._held: tuple[int, ...] = ()
        self._reports = 0
        selection = Selection(stall_us=options.stall_ms * 1000)
        self._outlet = Outlet(selection, self._meter, counts=self.counts, delay_ms=self._control.delay_ms)
        self._showing = Showing(
            self._outlet, self._control, playout=self._playout, sound=self.sound, now_us=self._now_us
        )
        self._outlet.watch(self.track.offer, every=False)
        self._outlet.watch(self.held.shown, every=False)
        self._refused: Callable[[str], None] = lambda reason: None
        self._refusals: set[str] = set()
        self._wake, self._stopped = asyncio.Event(), asyncio.Event()

    def watch(self, callback: Callable[[Picture], None], *, every: bool = False) -> None:
        """Hands each picture shown to `callback`; with `every`, the pictures of both codecs, shown or not."""
        self._outlet.watch(callback, every=every)

    def watch_refusals(self, callback: Callable[[str], None]) -> None:
        """`callback` learns, once a reason, why references cannot be used: other weights, say."""
        self._refused = callback

    def watch_meter(self, callback: Callable[[Figures], None]) -> None:
        """Hands the meter's figures to `callback` once a second."""
        self._report.watch(callback)

    def figures(self) -> Figures:
        """The figures of the last second, totals since the first, and what explains them; zeros before it."""
        return self._report.latest

    async def run(self) -> None:
        """Receives until the channels close or `close` is called.

        Raises WeightsError or ConfigError if the decoder cannot be made.
        """
        try:
            self._intake.start()
            self._channels.reference.set_receiver(self._on_reference)
            self._channels.motion.set_receiver(self._on_motion)
            if self._channels.sound is not None and (self._options.sound or self._channels.in_order):
                self._channels.sound.set_receiver(self._sound.take)
            self._channels.control.set_receiver(self._control.receive)
            self._channels.control.set_state(self._on_state)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work()) for work in (self._play, self._tick, self._receive_h264)]
                await self._stopped.wait()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failed:
            raise first_error(failed) from None
        finally:
            await self.close()
        if self._intake.failure is not None:
            raise self._intake.failure

    def prepare(self) -> None:
        """Begins to load the networks, in the worker, so that the first picture does not wait for them; optional."""
        self._intake.start()

    async def prepared(self) -> None:
        """Waits until `prepare` is through. Raises what `run` would: WeightsError or ConfigError."""
        await self._intake.loaded()

    async def close(self) -> None:
        """Ends `run` and the track. The connection and its channels stay the application's."""
        self._stop()
        await self._intake.close()
        await self._fallback.close()
        self._showing.finish()

    def _stop(self) -> None:
        self._stopped.set()
        self._intake.stop()
        self.track.stop()
        self.sound_track.stop()

    @staticmethod
    def _now_us() -> int:
        return round(asyncio.get_running_loop().time() * 1e6)

    # What comes, and what becomes of it

    def _on_state(self, is_open: bool) -> None:
        if is_open:
            self._control.opened(self._capabilities)
        else:
            self._stop()

    @cached_property
    def _capabilities(self) -> Capabilities:
        return Capabilities(
            end="receiver",
            software=f"facewire {codec.__version__}",
            protocol=PROTOCOL,
            bitstreams=(BITSTREAM_VERSION,),
            weights=(identify(self._options.weights).hex(),),
            sizes=SIZES,
            features=(ARRIVALS, PLAIN, *((SOUND,) if self._options.sound else ())),
        )

    def _on_peer(self, peer: Capabilities | None) -> None:
        """What the sender sends, or None where it does not say: it is then as senders of 0.1 were."""
        self._fallback.settle(peer)
        self._tells_load = peer is not None and LOAD in peer.features
        self._arrivals.meet(peer)
        self.refusal = None if peer is None else why_not(peer, self._capabilities)
        if self.refusal is not None:
            self._refuse(self.refusal)

    def _refuse(self, reason: str) -> None:
        """Tells whoever watches, once a reason; a sender that has ever new ones is not listened to for ever."""
        if reason not in self._refusals and len(self._refusals) < MOST_REFUSALS:
            self._refusals.add(reason)
            self._refused(reason)

    def _on_mode(self, mode: Mode) -> None:
        self._outlet.selection.mode = mode

    def _on_reference(self, data: bytes) -> None:
        if self._intake.take_reference(data):
            self._control.requests.arriving(now_us=self._now_us())

    def _on_motion(self, data: bytes) -> None:
        if self._intake.take_motion(data):
            self._wake.set()

    def _referenced(self, result: Referenced) -> None:
        self._held = result.held
        if result.reference_id is None:
            self.counts[f"reference_{result.problem}"] += 1
            self._control.need_keyframe(f"reference {result.problem}")
            if result.reason:
                self._refuse(result.reason)
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
            self._intake.release()
            self._showing.follow_sound()
            slot = self._playout.take(now_us=self._now_us())
            if slot is not None:
                self._render(slot)
            self._showing.show_due()
            await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        times = (self._intake.messages.deadline_us, self._playout.due_us, self._showing.due_us)
        due = [due_us for due_us in times if due_us is not None]
        delay_s = max(0, min(due) - self._now_us()) / 1e6 if due else None
        with suppress(TimeoutError):  # something is due
            async with asyncio.timeout(delay_s):
                await self._wake.wait()

    def _render(self, slot: Slot[MotionState]) -> None:
        if self._outlet.wants("keypoints", now_us=self._now_us()):
            rendered = partial(self._rendered, asked_us=self._now_us())
            job = partial(self._intake.decoder.render, slot)
            self._intake.post("render", job, rendered, until_s=slot.due_us / 1e6)

    def _rendered(self, result: Rendered, *, asked_us: int) -> None:
        if result.image_rgb is None:
            self.counts[f"render_{result.problem}"] += 1
            if result.problem == "missing":
                self._control.need_keyframe("reference missing")
            return
        self._playout.prepared(self._now_us() - asked_us)
        self._showing.add(Due.of(result.slot, result.image_rgb))
        self._wake.set()

    # H.264

    async def _receive_h264(self) -> None:
        async for elapsed, image_rgb in self._fallback.pictures():
            self._showing.add_h264(elapsed, image_rgb)
            self._wake.set()

    # Figures out

    async def _tick(self) -> None:
        tick = 0
        while True:
            self._control.tick()
            self._arrivals.tick()
            self.held.tick()
            self._showing.follow_sound()  # also while no motion comes
            self._wake.set()  # sound that begins or ends moves what waits
            if tick % TICKS_PER_REPORT == 0:
                await self._report.make()
            tick += 1
            await asyncio.sleep(TICK_S)

    def _tell(self, figures: Figures) -> None:
        self._reports += 1
        now_s = self._now_us() / 1e6
        self._intake.decoder.rendering = self._frugality.see(self._load.see(figures, now_s=now_s), now_s=now_s)
        if self._control.is_open and self._reports % REPORTS_PER_WORD == 0:
            held, showing, loss = self._held, self._outlet.selection.showing, self._sound.loss()
            if (load := self._load.to_tell()) is not None and self._tells_load:
                self._control.send(LoadReport(load=load))
            self._control.send(receiver_report(figures, showing=showing or "keypoints", held=held, sound_loss=loss))

    def _explanation(self) -> Figures:
        """What stands beside the meter's own figures."""
        if (quality := self._control.quality) is not None:
            self._meter.quality(keypoints=quality.keypoints_psnr_db, h264=quality.h264_psnr_db)
        latest = self._control.clock.latest
        return {
            **self._outlet.figures(),
            "held_s": round(self.held.seconds, 1),
            **self._frugality.rendering._asdict(),
            "playout_delay_ms": round(self._playout.delay_us / 1000, 1),
            "jitter_ms": round(self._playout.jitter_us / 1000, 1),
            "round_trip_ms": None if latest is None else round(latest.round_trip_us / 1000, 2),
            "keyframe_requests": self._control.requests.sent,
            "stages_ms": self._stages.take_means(),
            "sound": self._sound.figures(),
            "messages": dict(self._intake.messages.counts),
            "playout": dict(self._playout.counts),
            "dropped": {**self._showing.dropped, **self._intake.dropped},
            "counts": dict(self.counts + self._fallback.counts),
            "sender": {} if quality is None else dict(quality.figures),
        }
