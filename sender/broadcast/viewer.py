"""Stage 5 and 6, viewer: one of several that the same coded frames go to; what its line takes and what it holds."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Literal

from codec import CodedFrame, FrameReport
from codec.sound import SoundConfig
from sender.broadcast.agreement import Wish
from sender.broadcast.holdings import Holdings
from sender.broadcast.levers import ViewerLevers
from sender.broadcast.meters import Both
from sender.meter import Figures, Meter
from sender.options import SenderOptions
from sender.pace import Pacer
from sender.pace.shares import Shares
from sender.references.keyframe_gate import KeyframeGate
from sender.report import CallState, Report, Stats, capabilities_of
from sender.sound.delivery import SoundDelivery
from sender.transmit import Bundles, MessageMeter, Transmitter
from signaling.backoff import Restraint
from signaling.protocol.capabilities import ARRIVALS, why_not
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

__all__ = ["Viewer"]

_HEARD_S, _RARELY_HEARD_S = 1.0, 3.0  # who has said nothing for so long is away; the latter for those without reports
_QUEUE_S, _LEAST_QUEUE_BYTES = 4.0, 8192  # of references that may wait here
_MOST_BYTES = 65_536  # see `sender.transmit`

Step = Literal["closed", "lost", "caught up", "in step"]


class Viewer:
    """The delivery to one receiver, over channels of its own. Made by `FaceBroadcast.attach`, which runs it.

    `step` says where it stands: "lost" gets nothing until it is helped to catch up; "caught up" has been, and gets
    frames from the next bundle on; "in step" gets them all.
    """

    def __init__(
        self,
        channels: Channels,
        *,
        options: SenderOptions,
        bundles: Bundles,
        name: str,
        stats: Stats | None,
        total: MessageMeter,
        state: Callable[[], CallState],
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`total` counts what all viewers are sent, `state` is what they share; `changed`: this one holds one more."""
        self.name = name
        self.step: Step = "closed"
        self.refusal: str | None = None  # why it cannot read keypoints, once it has said what it can
        self.ended = ""  # why `run` returned
        self.load: float | None = None
        self.peer: Capabilities | None = None  # what it has said it can
        self.lags = False  # nobody waits for it
        self.is_new = True  # it has never been in step
        self.gate = KeyframeGate()
        self.meter = Meter(clock=clock)
        self.wish: Wish | None = None  # how its line would have the stream coded
        self._channels, self._clock, self._options = channels, clock, options
        self._changed = changed
        self._shared_state = state
        self._holdings, self._restraint = Holdings(), Restraint()
        self._heard_s = clock()
        self._patience_s = _RARELY_HEARD_S
        self._agreed: Wish | None = None
        self._queue_bytes, self._extra_bytes = _LEAST_QUEUE_BYTES, 0  # besides: what it is caught up by
        self._begun, self._wake, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()  # cleared at the end, until nothing waits any more
        self._stopped, self.opened = asyncio.Event(), asyncio.Event()
        self._pacer = Pacer(channels, options=options, sound=channels.sound is not None, clock=clock)
        self.sound = SoundDelivery(channels, config=SoundConfig(kbps=options.sound_kbps), bundle_ms=40 * options.bundle)
        self._transmitter = Transmitter(
            channels,
            bundle=options.bundle,
            bundles=lambda: bundles,
            reference_bytes_per_s=options.reference_kbps * 125,
            meter=Both(self.meter, total),
            clock=clock,
            lost_track=self.lose,
            ride=self.sound.carry,
            rides=self.sound.is_leaving,
            has_room=self._pacer.has_room,
        )
        self._levers = ViewerLevers(self._transmitter, self.gate, self.sound, self._pacer.sound_has_room)
        self._control = ControlChannel(
            channels.control, now_us=lambda: round(clock() * 1e6), heed=self._heed, on_peer=self._on_peer
        )
        self.probe = self._control.ping  # asks the receiver for a sign of life
        channels.control.set_receiver(self._on_control)
        channels.motion.set_receiver(self._on_arrivals)
        self._report = Report(self.meter, self._control, state=self._state, stats=stats)
        for channel in (channels.reference, channels.motion, channels.control):
            channel.set_state(self._on_state)

    # What becomes of it

    async def run(self) -> None:
        """Delivers until the channels close, or `close`; `ended` says which."""
        try:
            async with asyncio.TaskGroup() as group:
                pumping = self._transmitter.keep_pumping(wake=self._wake, idle=self._idle)
                tasks = [group.create_task(pumping), group.create_task(self._report.run(begun=self._begun))]
                await self._stopped.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self.step = "closed"

    def close(self, why: str = "closed") -> None:
        """Ends `run`. The connection and its channels stay the application's."""
        self.ended = self.ended or why
        self._stopped.set()
        self._idle.set()
        self.opened.set()

    async def wait(self) -> str:
        """Waits until it has ended, and says why."""
        await self._stopped.wait()
        return self.ended

    def figures(self) -> Figures:
        """The figures of the last second, and totals since the first."""
        return self.meter.latest

    # What the broadcast asks and tells

    @property
    def is_open(self) -> bool:
        """Whether frames are sent to it at all."""
        return self.step != "closed" and self.refusal is None

    @property
    def kbps(self) -> float | None:
        """What its line is held to; None while nobody knows."""
        return self._pacer.kbps

    def is_heard(self) -> bool:
        """Whether it has said something lately."""
        return self._clock() - self._heard_s <= self._patience_s

    def counts(self) -> bool:
        """Whether the others wait for it: it is heard, no laggard, and holds all but what it was sent just now."""
        if self.step != "in step" or self.refusal is not None or self.lags or not self.is_heard():
            return False
        return self._holdings.keeps_up(self._clock())

    def holds(self, reference_id: int, number: int) -> bool:
        """Whether it has said that it holds the reference that came with this frame."""
        return self._holdings.holds(reference_id, number)

    def lose(self) -> None:
        """What it holds is of no use any more: it waits for a keyframe, or for what stands for one."""
        if self.is_open:
            self._transmitter.drop()
            self.step = "lost"
            self.gate.ask()

    def wants_help(self) -> bool:
        """Whether it is to be helped now."""
        now_s = self._clock()
        can = self.is_open and not self._transmitter.keyframe_waits and self._restraint.allows(now_s)
        return can and self.gate.take(now_s=now_s)

    def helped(self) -> None:
        """It is being helped, by whatever means."""
        self._restraint.helped(self._clock())

    def catch_up(self, references: Sequence[CodedFrame]) -> None:
        """It gets these, which bring it to where the others are, and frames from the next bundle on."""
        self._transmitter.drop()
        self._holdings.clear()
        self.step = "caught up"
        self.is_new = False
        self.gate.sent(now_s=self._clock(), receipt=True)
        self.helped()
        self.meter.count("catch_ups")
        self._extra_bytes = _MOST_BYTES
        for reference in references:
            self._hand_over(reference)
        self._extra_bytes = self._transmitter.waiting_reference_bytes  # which it is given the time for

    def take(self, coded: CodedFrame, *, psnr_db: float | None) -> bool:
        """One coded frame, of which it gets what is of use to it; True if the encoder must start a new bundle."""
        self._begun.set()
        if coded.is_keyframe:
            self._holdings.clear()
            self._extra_bytes = 0
            self.step, self.is_new = "in step", False
            self.gate.sent(now_s=self._clock(), receipt=True)
            self.meter.count("keyframes")
        sent = self._part_of(coded)
        whole = sent is not None and sent.motion is not None
        self.meter.frame("keypoints", psnr_db=psnr_db, sent=whole)
        self.meter.count("skipped", int(not whole))
        cut = sent is not None and self._hand_over(sent)
        self._wake.set()
        return cut

    async def drain(self) -> None:
        """Sends an incomplete bundle too, because nothing more will join it, and waits until all has left."""
        self._transmitter.flush()
        if self.step != "closed":
            self._idle.clear()
            self._wake.set()
            await self._idle.wait()

    def see_picture(self) -> None:
        """A picture is there to be coded."""
        self._pacer.takes_picture()

    def see(self, report: FrameReport) -> None:
        """What a frame took."""
        self._pacer.see(report)

    def tick(self, agreed: Wish | None) -> None:
        """A few times a second: what its line carries; and how all are sent to, once that is agreed on."""
        self._agreed = agreed
        self._pacer.tick(self)

    @property
    def begins(self) -> bool:
        """See `sender.pace.pacer.Levers`."""
        return self._transmitter.first_keyframe_waits

    def follow(self, shares: Shares, *, qp: int) -> None:
        """What its line would have; see `sender.pace.pacer.Levers`."""
        self.wish = Wish(shares, qp)
        agreed = self._agreed.shares if self._agreed is not None else shares
        self._queue_bytes = max(_LEAST_QUEUE_BYTES, round(_QUEUE_S * 125 * shares.reference_kbps))
        self._levers.follow(shares, agreed=agreed)

    # How

    def _part_of(self, coded: CodedFrame) -> CodedFrame | None:
        """What of a frame is sent: no motion before it has caught up, nor while it lacks what is moved."""
        moved = coded.motion
        if self.step == "caught up" and moved is not None and not moved.chained:
            self.step = "in step"
        if self.step == "lost" or not self.is_open:
            return None
        lacks = moved is not None and self._holdings.lacks(moved.reference_id, now_s=self._clock())
        return coded.split()[0] if lacks or self.step == "caught up" else coded

    def _hand_over(self, coded: CodedFrame) -> bool:
        if coded.reference is not None:
            waiting = self._transmitter.waiting_reference_bytes
            if waiting > self._queue_bytes + self._extra_bytes and not coded.is_keyframe:
                self.lose()
                return False
            self._holdings.sent(coded.reference.id, coded.number, now_s=self._clock())
            self.meter.count("references")
        return self._transmitter.send(coded)

    def _on_state(self, is_open: bool) -> None:
        if not is_open:
            self.close("the receiver is gone")
        elif self._channels.is_open and self.step == "closed" and not self._stopped.is_set():
            self.step = "lost"
            self._heard_s = self._clock()
            self.gate.ask()
            self._control.send(self._capabilities)
            self._control.send(ModeSwitch(mode="keypoints", pts=0))
            self.opened.set()

    # What the receiver says

    @cached_property
    def _capabilities(self) -> Capabilities:
        return capabilities_of(self._options, h264_mid=None)

    def _on_control(self, data: bytes) -> None:
        self._heard_s = self._clock()
        self._control.receive(data)

    def _on_arrivals(self, data: bytes) -> None:
        self._heard_s = self._clock()
        self._pacer.hear(data)

    def _on_peer(self, peer: Capabilities | None) -> None:
        self.peer = peer
        self.refusal = None if peer is None else why_not(self._capabilities, peer)
        self._pacer.meet(peer)
        self.sound.meet(peer)
        if peer is not None and ARRIVALS in peer.features:
            self._patience_s = _HEARD_S

    def _heed(self, message: Message) -> bool:
        match message:
            case KeyframeRequest():
                self.meter.count("keyframe_requests")
                self.gate.ask()
            case ReferenceReceived(reference_id=reference_id, number=number):
                if self._transmitter.acknowledge(reference_id, number=number):
                    self._holdings.received(reference_id, number)
                    if self._holdings.is_whole:
                        self.gate.received()
                    self._changed()
            case ReceiverReport():
                self.meter.hear(message)
                self.sound.bundler.hear_loss(message.sound_loss)
            case LoadReport():
                self.load = message.load
            case _:
                return False
        return True

    def _state(self) -> CallState:
        shared = self._shared_state()
        own = {"queue_bytes": self._channels.queued_bytes, "lags": float(self.lags)} | self._pacer.states()
        return replace(
            shared,
            totals=shared.totals | {"stale": self._transmitter.stale_frames} | self.sound.figures(),
            states=shared.states | own,
        )
