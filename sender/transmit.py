"""Stage 5 and 6, transmit: coded frames -> messages -> channels, so that motion never waits behind a reference.

All channels share one queue in the transport. Motion is handed over only when the motion before it has left that queue:
a bundle that has to wait is replaced by the next one. References go in pieces, each only when the queue is empty, and
no faster than a byte budget: 20 kB at once hold up the motion behind them by 300 ms on a line of 100 ms round trip.

How many frames a message, measured on two clips at 25 fps and QP 32 (4 s of lively / calm talk, motion alone, kbps;
the residual is worth more where a longer chain carries it, so lively motion costs more with longer bundles):

    frames a message   payload        wire, out      wire, back    waiting, mean / longest
           1           2.6 / 5.3     21.8 / 24.5    18.6 / 18.6       0 /   0 ms
           2           4.1 / 3.8     13.8 / 13.5     9.3 /  9.3      20 /  40 ms
           4           4.3 / 3.2      9.3 /  8.4     4.7 /  4.8      60 / 120 ms
           8           5.3 / 2.7      8.4 /  5.4     2.8 /  2.4     140 / 280 ms

Four is the default: 40 % of the wire of one at a delay that nobody notices; eight save little more and cost a syllable.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from codec import CodedFrame
from codec.bits.packet import MotionMessage, pack_reference
from sender.references.receipts import Receipts
from sender.references.reference_pacer import Piece, ReferencePacer
from signaling.errors import PeerGone
from signaling.transport.channels import Channel, Channels
from signaling.transport.costs import MAX_MESSAGE_BYTES

__all__ = ["RETRY_S", "Bundles", "MessageMeter", "MotionBundler", "Transmitter"]

_MOTION_QUEUE_BYTES = 1500  # of other channels: about one message
_FRAME_S, _SLACK_S = 0.04, 0.02  # the frame rate that bundles are meant for, and what may come on top
RETRY_S = 0.01  # how soon a full queue is looked at again


class MessageMeter(Protocol):
    """Who counts what is sent."""

    def message(self, *, payload_bytes: int, message_bytes: int) -> None:
        """One data-channel message and the codec's bytes in it."""


class Bundles(Protocol):
    """What is needed of `codec.state.bundle.BundleCoder`."""

    def messages(self, frames: Sequence[bytes], *, first_sequence: int, limit: int) -> list[MotionMessage]:
        """The motion halves of one bundle as messages."""


class MotionBundler:
    """Gathers the motion of `size` frames a message, along the codec's own chains.

    A frame that is not chained begins a bundle, so a chain never straddles two messages (unless a message is full).
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._frames: list[bytes] = []

    def add(self, frame: bytes, *, chained: bool) -> list[tuple[bytes, ...]]:
        """The bundles that are complete with this frame."""
        done: list[tuple[bytes, ...]] = []
        if not chained and self._frames:
            done.append(self.flush())
        self._frames.append(frame)
        if len(self._frames) >= self.size:
            done.append(self.flush())
        return done

    @property
    def is_empty(self) -> bool:
        """Whether nothing is gathered."""
        return not self._frames

    def flush(self) -> tuple[bytes, ...]:
        """The frames gathered so far."""
        frames, self._frames = tuple(self._frames), []
        return frames


class Transmitter:
    """Owns what is on its way from the encoder to the channels of one call. Lives on the event loop; never waits."""

    def __init__(
        self,
        channels: Channels,
        *,
        bundle: int,
        bundles: Callable[[], Bundles],
        reference_bytes_per_s: float,
        meter: MessageMeter,
        clock: Callable[[], float],
        lost_track: Callable[[], None],
        ride: Callable[[bytes], bool] = lambda motion: False,
        rides: Callable[[], bool] = lambda: False,
        has_room: Callable[[int], bool] = lambda size: True,
        left: Callable[[int, int], None] = lambda reference_id, number: None,
    ) -> None:
        """`bundles` packs motion, and is asked for when there is some. `ride` takes a message along with sound, or not.
        `has_room` says whether a message of so many bytes may be on its way besides what is already; where sound is
        about to leave (`rides`), motion goes along in any case.

        `lost_track` is called when references had to be dropped, or were not confirmed: only a keyframe helps then.
        `left` learns of each reference whose last piece has been handed over, by its id and the number of the frame it
        came with.
        """
        self._bundles = bundles
        self._channels = channels
        self._gathering_s = 0.0  # when the bundle's first frame came
        self._sent_s: float | None = None  # when the last frame came
        self._bundler = MotionBundler(bundle)
        self._pacer = ReferencePacer(bytes_per_s=reference_bytes_per_s)
        self._message_bytes = channels.longest
        self.set_pace(bundle=bundle, reference_bytes_per_s=reference_bytes_per_s)
        self._meter = meter
        self._clock = clock
        self._lost_track = lost_track
        self._ride = ride
        self._rides, self._has_room, self._left = rides, has_room, left
        self._bundle: tuple[bytes, ...] = ()  # complete, waiting for the queue to drain
        self._sequence = 0
        self._transfer = 0
        self._receipts = Receipts()
        self._before: list[bytes] = []  # the messages of the bundle that left last
        self.stale_frames = 0

    def set_pace(
        self,
        *,
        bundle: int,
        reference_bytes_per_s: float,
        message_bytes: int = MAX_MESSAGE_BYTES,
        frame_s: float = _FRAME_S,
        keyframes_first: bool = False,
        repeats: bool = False,
    ) -> None:
        """From now on: frames a message, of frames `frame_s` apart, and how fast and in which pieces references go.

        With `keyframes_first`, motion waits for the keyframe that it moves: without that it would be for nothing. With
        `repeats`, each message goes again right after the next one: no receiver minds one that it has.
        """
        self._repeats = repeats
        self._longest_s = (bundle - 1) * frame_s + _SLACK_S
        self._bundler.size = bundle
        self._message_bytes = min(message_bytes, self._channels.longest)
        self._pacer.set_pace(
            bytes_per_s=reference_bytes_per_s, burst_bytes=2 * message_bytes, keyframes_first=keyframes_first
        )

    def send(self, coded: CodedFrame) -> bool:
        """Takes one coded frame. Its motion may leave before its reference does: the receiver waits for that.

        A bundle leaves early when one more frame would come too late for its first one: a slow encoder, which needs few
        messages anyway, does not wait for full ones. True then: the encoder must start a new bundle.
        """
        cut = False
        if self._receipts.is_overdue(now_s=self._clock()):
            self._lost_track()
        reference, motion = coded.split()
        if reference is not None:
            self._add_reference(reference)
        if motion is not None and motion.motion is not None:
            cut = self._gather(bytes(motion), chained=motion.motion.chained)
        self.pump()
        return cut

    def flush(self) -> None:
        """Sends an incomplete bundle too: nothing more will join it. The encoder must start a new bundle after it."""
        if frames := self._bundler.flush():
            self._replace(frames)
        self.pump()

    def drop(self) -> None:
        """Forgets all that waits: the call has changed over, and starts again with a keyframe."""
        self._bundler.flush()
        self._bundle = ()
        self._before = []
        self._pacer.clear()
        self._receipts.forget()

    def acknowledge(self, reference_id: int, *, number: int) -> bool:
        """True if the receiver's word is about the reference that has this id now, and not about an earlier one."""
        return self._receipts.confirm(reference_id, number)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits here or in the transport's queue."""
        return not self._bundle and not self._pacer.waiting_bytes and not self._channels.queued_bytes

    @property
    def waiting_reference_bytes(self) -> int:
        """What waits here of references."""
        return self._pacer.waiting_bytes

    async def keep_pumping(self, *, wake: asyncio.Event, idle: asyncio.Event) -> None:
        """Hands over what the channels had no room for before, until it is cancelled.

        `wake` says that there may be room, or more to send; `idle` is set once nothing waits.
        """
        while True:
            wake.clear()
            wait_s = self.pump()
            if self.is_idle:
                idle.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s if idle.is_set() else wait_s or RETRY_S):
                    await wake.wait()

    def pump(self) -> float | None:
        """Hands over what may go now. Returns when to try again, in seconds; None: nothing waits."""
        if not self._channels.is_open:
            return RETRY_S if not self.is_idle else None
        try:
            return self._pump()
        except PeerGone:
            return None  # whoever watches the channels' state ends the call

    def _pump(self) -> float | None:
        channels = self._channels
        if self._bundle and self._motion_may_leave():
            self._send_motion(self._bundle)
            self._bundle = ()
        while channels.queued_bytes == 0 and self._has_room(self._pacer.next_bytes):
            piece = self._pacer.take(now_s=self._clock())
            if piece is None:
                break
            self._hand_over(channels.reference, piece.data, payload_bytes=piece.payload_bytes)
            if piece.completes is not None:
                self._receipts.left(*piece.completes, now_s=self._clock())
                self._left(*piece.completes)
        if self._bundle or (self._pacer.waiting_bytes and not self._pacer.wait_s):
            return RETRY_S
        return self._pacer.wait_s

    @property
    def keyframe_waits(self) -> bool:
        """Whether a keyframe is still here, and everything waits for it: another one would be the same again."""
        return self._pacer.holds_up

    @property
    def first_keyframe_waits(self) -> bool:
        """Whether that is the first of the call: there is nothing to hear a voice to yet."""
        return self._pacer.is_first and self._pacer.holds_up

    def _motion_may_leave(self) -> bool:
        if self._pacer.holds_up:
            return False
        if self._channels.motion.buffered_amount or self._channels.queued_bytes > _MOTION_QUEUE_BYTES:
            return False
        return self._rides() or self._has_room(sum(map(len, self._bundle)))

    def _gather(self, frame: bytes, *, chained: bool) -> bool:
        """Adds one frame's motion to the bundle; True if the bundle had to leave early."""
        now_s = self._clock()
        interval_s = now_s - self._sent_s if self._sent_s is not None else _FRAME_S
        self._sent_s = now_s
        if self._bundler.is_empty or not chained:
            self._gathering_s = now_s
        for bundle in self._bundler.add(frame, chained=chained):
            self._replace(bundle)
        if self._bundler.is_empty or now_s - self._gathering_s + interval_s < self._longest_s:
            return False
        self._replace(self._bundler.flush())
        return True

    def _add_reference(self, coded: CodedFrame) -> None:
        assert coded.reference is not None
        fragments = pack_reference(bytes(coded), transfer=self._transfer, limit=self._message_bytes)
        pieces = [Piece(bytes(fragment), len(fragment.data)) for fragment in fragments]
        pieces[-1] = replace(pieces[-1], completes=(coded.reference.id, coded.number))
        self._transfer = (self._transfer + 1) % 65536
        if coded.is_keyframe:
            self._receipts.forget()
        if not self._pacer.add(pieces, supersedes=coded.is_keyframe):
            self.drop()
            self._lost_track()
            return
        self._receipts.expect(coded.reference.id, coded.number)

    def _replace(self, bundle: tuple[bytes, ...]) -> None:
        """A complete bundle takes the place of one that is still waiting, which is stale now."""
        self.pump()
        self.stale_frames += len(self._bundle)
        self._bundle = bundle

    def _send_motion(self, frames: tuple[bytes, ...]) -> None:
        messages = self._bundles().messages(frames, first_sequence=self._sequence, limit=self._channels.longest)
        self._sequence = (self._sequence + len(messages)) % 65536
        again, self._before = self._before if self._repeats else [], [bytes(message) for message in messages]
        for message, data in zip(messages, self._before, strict=True):
            if self._ride(data):
                self._meter.message(payload_bytes=len(message.unit), message_bytes=len(data))
            else:
                self._hand_over(self._channels.motion, data, payload_bytes=len(message.unit))
        for data in again:
            if self._has_room(len(data)):
                self._hand_over(self._channels.motion, data, payload_bytes=0)

    def _hand_over(self, channel: Channel, data: bytes, *, payload_bytes: int) -> None:
        channel.send(data)
        self._meter.message(payload_bytes=payload_bytes, message_bytes=len(data))
