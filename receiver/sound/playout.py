"""Stages 8 and 10, sound: frames as they come -> samples when they are due, with a delay that follows the line.

Pure but for its lock: the clock comes in with every call. Times named `_us` are the receiver's clock in microseconds;
frames are counted by `sequence`, and have the sender's time in 1/90000 s.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from codec.errors import BitstreamError
from codec.sound import SAMPLE_RATE, Samples, SoundDecoder, SoundMessage
from codec.sound.message import SEQUENCES, TIMES
from codec.sound.opus import FrameMs
from codec.units import pts_to_us
from receiver.motion.jitterbuffer import unwrap
from receiver.sound.fade import Fade
from receiver.sound.resample import Resampler

__all__ = ["SoundPlayout"]

WINDOW_US = 12_000_000  # arrivals that the delay is judged by
LATE_PART = 0.97  # of the frames are there in time: one lost message in a while does not count, two do
RECENT_US = 3_000_000  # ... or of all but those that came late at once, before this time
APART_US = 1_000_000  # what came late within so long was late together
FAR_US = 200_000  # a delay that is further off is set right at once, by leaving frames out
STEER_US = 2_000_000  # else what is off is played away in about that time ...
MOST_STEERING = 0.02  # ... by so much faster or slower at most
CAPACITY = 256  # frames that wait: ten seconds
RESTART = 1500  # frames: a sequence so far off is another stream
PAUSE = 90_000  # 1/90000 s: a time so far off what the sequence says means that the sender had nothing to count
STALE_US = 1_000_000  # nobody has pulled for so long: pictures go by themselves
GONE_US = 2_000_000  # ... and where nothing has come, not even word of silence, which is told each 400 ms


@dataclass(frozen=True, slots=True)
class _Anchor:
    """One frame whose time the sender has told."""

    sequence: int
    time: int  # 1/90000 s, unwrapped


class SoundPlayout:
    """Holds the frames of one voice until they are due.

    What is to be heard when is `pull`ed by whatever plays it, from any thread; `add` takes messages. The delay is what
    97 % of the frames of the last twelve seconds needed from their capture to here, repeated ones included, plus what
    the device wants ahead, and no less than `wait_for` says. A line that stood still once in that time is forgiven when
    three seconds have been good: the call would be late for what is over. It is kept by playing up to 2 % faster or
    slower, which also takes up what the clocks of the two sound cards drift apart; in silence by whole frames.

    A frame that is missing while later ones are here is lost: Opus makes it up, from the copy in the next packet if
    there is one. Where nothing later is here the sound is drawn on in place, and the delay grows. What is made up for
    long fades away (`Fade`).
    """

    def __init__(self, *, margin_us: int = 5_000, longest_us: int = 800_000) -> None:
        self._margin_us, self._longest_us = margin_us, longest_us
        self._lock = threading.Lock()
        self._wait_us: float | None = None
        self._early_us = 0  # a frame has to be here so long before it is heard
        self.counts: Counter[str] = Counter()  # received, repeated, late, concealed, stretched, skipped, malformed, ...
        self._pts_origin_us: int | None = None  # when pts 0 was, on the sender's clock
        self._watching: list[Callable[[Samples, int], None]] = []
        self._begin(40)

    def watch(self, callback: Callable[[Samples, int], None]) -> None:
        """Hands each frame to `callback` when it is its turn, with the pts at which it was taken, once that is known.

        It has the sender's times, whatever is played faster or slower here. `callback` is called by who pulls.
        """
        self._watching.append(callback)

    def _begin(self, frame_ms: FrameMs) -> None:
        self._frame_ms: FrameMs = frame_ms
        self._decoder, self._resampler, self._fade = SoundDecoder(frame_ms), Resampler(), Fade()
        self._packets: dict[int, bytes] = {}
        self._transits: deque[tuple[int, float]] = deque(maxlen=1024)  # (arrival, arrival - time)
        self._needed_us: float | None = None  # what most of them took; worked out once for each message
        self._anchor: _Anchor | None = None
        self._next: int | None = None  # the frame to decode next, once anything is played
        self._newest = self._counted_from = 0  # the newest frame announced, and the first
        self._offset_us: float | None = None  # receiver's clock - sender's time of what is heard
        self._pulled_us = self._came_us = 0

    # What comes

    def add(self, message: SoundMessage, *, arrived_us: int) -> None:
        """Takes one message as it came."""
        with self._lock:
            if message.frame_ms != self._frame_ms:
                self._begin(message.frame_ms)
            sequence = message.sequence
            if self._anchor is not None:
                sequence = unwrap(message.sequence, near=self._anchor.sequence, modulus=SEQUENCES)
                if abs(sequence - self._anchor.sequence) > RESTART or self._has_paused(message, sequence):
                    self.counts["restarts"] += 1
                    self._begin(message.frame_ms)
            if self._anchor is None:
                self._anchor = _Anchor(message.sequence, message.time)
                sequence, self._newest = message.sequence, message.sequence - 1
                self._counted_from = message.sequence
            elif sequence >= self._anchor.sequence:
                time = unwrap(message.time, near=self._anchor.time, modulus=TIMES)
                self._anchor = _Anchor(sequence, time)
            self._came_us = arrived_us
            self._take(message, sequence, arrived_us=arrived_us)

    def _has_paused(self, message: SoundMessage, sequence: int) -> bool:
        """Whether the sender had no sound for a while: a microphone that came back."""
        assert self._anchor is not None
        counted = self._anchor.time + (sequence - self._anchor.sequence) * self._frame_ms * 90
        return abs(unwrap(message.time, near=counted, modulus=TIMES) - counted) > PAUSE

    def _take(self, message: SoundMessage, sequence: int, *, arrived_us: int) -> None:
        first = sequence - len(message.repeated)
        for number, packet in enumerate(message.repeated + message.frames, start=first):
            repeated = number < sequence
            self.counts["received"] += not repeated
            self._newest = max(self._newest, number)
            if number in self._packets or (repeated and number < self._counted_from):
                continue
            if packet and not (repeated and self._next is not None and number < self._next):
                self._transits.append((arrived_us, arrived_us - self._time_us(number)))
            if self._next is not None and number < self._next:
                self.counts["late"] += not repeated
                continue
            self.counts["repeated"] += repeated
            self._packets[number] = packet
        while len(self._packets) > CAPACITY:
            del self._packets[min(self._packets)]
            self.counts["skipped"] += 1
        while self._transits and self._transits[0][0] < arrived_us - WINDOW_US:
            self._transits.popleft()
        self._needed_us = _needed(self._transits) if self._transits else None

    @property
    def expected(self) -> int:
        """Frames that the sender has announced so far; with `counts["received"]` this tells what the line loses."""
        with self._lock:
            return 0 if self._anchor is None else self._newest - self._counted_from + 1

    # When it is due

    def _time_us(self, sequence: float) -> float:
        """When a frame was captured, on the sender's clock."""
        assert self._anchor is not None
        return pts_to_us(self._anchor.time) + (sequence - self._anchor.sequence) * self._frame_ms * 1000

    def _target_us(self) -> float:
        """What the receiver's clock shall be ahead of the sender's time."""
        if self._needed_us is None:
            return self._offset_us or 0.0
        own = self._needed_us + self._early_us + self._margin_us
        waited = max(own, self._wait_us if self._wait_us is not None else own)
        return min(waited, min(transit for _, transit in self._transits) + self._longest_us)

    def wait_for(self, offset_us: float | None, *, pts_origin_us: int) -> None:
        """Pictures need their time stamps plus `offset_us`; pts 0 was at `pts_origin_us` on the sender's clock."""
        with self._lock:
            self._pts_origin_us = pts_origin_us
            known = self._anchor is not None and offset_us is not None
            self._wait_us = offset_us - self._origin_us(pts_origin_us) if known and offset_us is not None else None

    def picture_offset_us(self, pts_origin_us: int, *, now_us: int) -> int | None:
        """What the receiver's clock is ahead of the time stamps of pictures that belong to the sound now heard.

        None while none is heard, or none comes any more.
        """
        with self._lock:
            if self._offset_us is None or self._anchor is None or now_us - self._pulled_us > STALE_US:
                return None
            if now_us - self._came_us > GONE_US:
                return None
            return round(self._offset_us + self._origin_us(pts_origin_us))

    def _origin_us(self, pts_origin_us: int) -> int:
        """That time on the unwrapped scale of sound's own times."""
        assert self._anchor is not None
        ticks = pts_origin_us * 9 // 100
        return pts_to_us(unwrap(ticks % TIMES, near=self._anchor.time, modulus=TIMES))

    @property
    def delay_us(self) -> int:
        """How long after the fastest arrival sound is heard."""
        with self._lock:
            if self._offset_us is None or not self._transits:
                return 0
            return round(self._offset_us - min(transit for _, transit in self._transits))

    # What is heard

    def pull(self, count: int, *, play_us: int, now_us: int) -> Samples:
        """The next `count` samples, float32 (count,), of which the first will be heard at `play_us`; it is `now_us`."""
        with self._lock:
            self._early_us = max(0, play_us - now_us) + count * 1_000_000 // SAMPLE_RATE
            self._pulled_us = play_us
            if not self._started(play_us):
                return np.zeros(count, np.float32)
            ahead_us = self._settle(play_us)
            ratio = 1 + min(MOST_STEERING, max(-MOST_STEERING, ahead_us / STEER_US))
            while self._resampler.lacks(count, ratio=ratio):
                samples, made_up = self._frame(ahead_us)
                self._resampler.add(self._fade.pass_on(samples, made_up=made_up))
            return self._resampler.take(count, ratio=ratio)

    def _started(self, play_us: int) -> bool:
        if self._next is None and self._packets:
            first = min(self._packets)
            if play_us >= self._time_us(first) + self._target_us():
                self._next = first
        return self._next is not None

    def _settle(self, play_us: int) -> float:
        """By how much sound is later than it should be; frames are left out where that is far too much."""
        assert self._next is not None
        frame_us = self._frame_ms * 1000
        waiting_us = self._resampler.waiting * 1e6 / SAMPLE_RATE
        self._offset_us = play_us - (self._time_us(self._next) - waiting_us)
        target_us = self._target_us()
        while self._offset_us - target_us > FAR_US and self._next <= self._newest:
            self._packets.pop(self._next, None)
            self._next += 1
            self._offset_us -= frame_us
            self.counts["skipped"] += 1
        return self._offset_us - target_us

    def _frame(self, ahead_us: float) -> tuple[Samples, bool]:
        """The samples of the next frame, whatever has become of it, and whether they are made up."""
        assert self._next is not None
        frame_us = self._frame_ms * 1000
        # In silence nobody hears what is left out; and for a lost frame the stretching before it has stood in already.
        while self._next <= self._newest and not self._packets.get(self._next) and ahead_us > frame_us:
            self._packets.pop(self._next, None)
            self._next, ahead_us = self._next + 1, ahead_us - frame_us
        packet = self._packets.get(self._next)
        if packet is None and self._next > self._newest and ahead_us < FAR_US:
            self.counts["stretched"] += 1
            return self._decoder.conceal(), True
        if packet == b"" and ahead_us < -frame_us:
            return self._decoder.conceal(), False
        self._packets.pop(self._next, None)
        self._next += 1
        self.counts["played"] += 1
        samples, made_up = self._decoded(packet)
        if self._watching and self._pts_origin_us is not None:
            time_us = self._time_us(self._next - 1) - self._origin_us(self._pts_origin_us)
            for callback in self._watching:
                callback(samples, round(time_us * 9 / 100))
        return samples, made_up

    def _decoded(self, packet: bytes | None) -> tuple[Samples, bool]:
        """What is heard of the frame before `_next`, and whether it is made up; None where it is lost."""
        assert self._next is not None
        if packet is None:
            self.counts["concealed"] += 1
            following = self._packets.get(self._next, b"")
            return self._recover(following), not following
        try:
            return self._decoder.decode(packet), False
        except BitstreamError:
            self.counts["malformed"] += 1
            return self._decoder.conceal(), True

    def _recover(self, following: bytes) -> Samples:
        try:
            return self._decoder.recover(following)
        except BitstreamError:  # it is counted when its own turn comes
            return self._decoder.conceal()


def _needed(transits: Sequence[tuple[int, float]]) -> float:
    """What most frames took, from (arrival, transit): of all, or of all but one stall, where none is nearly as long."""
    usual = _most(transits)
    since_us = transits[-1][0] - RECENT_US
    recent = _most([one for one in transits if one[0] >= since_us])
    if usual <= recent:
        return usual
    late_us = [arrived_us for arrived_us, transit in transits if transit > (recent + usual) / 2]
    if any(after - before > APART_US for before, after in pairwise(late_us)):
        return usual
    others = [one for one in transits if not late_us[0] <= one[0] <= late_us[-1]]
    return max(recent, _most(others)) if others else usual


def _most(transits: Sequence[tuple[int, float]]) -> float:
    ordered = sorted(transit for _, transit in transits)
    return ordered[int(LATE_PART * (len(ordered) - 1))]
