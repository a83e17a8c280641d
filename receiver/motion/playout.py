"""Stage 8, playout: decides which frame is shown when, from the frames' own time stamps and how they arrive.

Pure logic: the clock comes in with every call. Times named `_us` are the receiver's clock in microseconds, `pts` is the
sender's in 1/90000 s.
"""

from collections import Counter, deque
from dataclasses import dataclass
from statistics import median
from typing import Generic, Protocol, TypeVar

from codec.units import pts_to_us


class Timed(Protocol):
    """What playout needs of a decoded motion: a `codec` MotionState is one."""

    @property
    def pts(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def reference_id(self) -> int: ...


State = TypeVar("State", bound=Timed)

RESET_US = 3_000_000  # a transit time this far from the usual one means another time line (the sender started over)
WINDOW_US = 4_000_000  # arrivals that the delay is judged by
DEFAULT_INTERVAL = 3600  # 25 fps, until the stream has shown its own
SLOWEST_INTERVAL = 18_000  # 5 fps
SETTLING_US = 2_000_000  # of a new stream
SETTLING_FRAMES = 20  # more than a bundle holds
SLEW = 0.02  # the delay shrinks by this part of the time that passes: 2 % faster playing is not seen
CATCH_UP_US = 2_000_000  # a delay that is far too long shrinks by what is too much in this time


@dataclass(frozen=True, slots=True)
class Slot(Generic[State]):
    """One picture to make: `state`, or the mix of `before` and `state` at `fraction` (0 = before, 1 = state)."""

    pts: int
    due_us: int
    state: State
    before: State | None = None
    fraction: float = 1.0


class Playout(Generic[State]):
    """Holds decoded motion until its display time, and fills gaps by interpolation.

    A frame is due at its pts plus an offset. The offset is the 95th percentile of (arrival - pts) over the last four
    seconds plus `margin_us`: with a still path it is just what bundling costs (the first frame of a bundle has waited
    for the last), with jitter it grows at once, and it shrinks slowly: by 20 ms a second, faster where it is more than
    40 ms too long. In the first two seconds of a stream, whose first frame often takes one of them, it is what the last
    20 frames ask for. It never exceeds the smallest transit time by more than `longest_us`; frames that come later than
    that are skipped. On top comes what a picture usually takes to make (`prepared`): then it is ready when it is due.

    `take` gives a frame up to `ahead_us` before it is due: all but the first frames of bundles are made in time
    whatever else goes on.

    A gap up to `longest_gap_us` whose far end is already here is filled with mixes at the stream's own frame interval,
    if both ends warp the same reference; otherwise the last picture is held.
    """

    def __init__(
        self,
        *,
        margin_us: int = 5_000,
        ahead_us: int = 0,
        longest_us: int = 400_000,
        longest_gap_us: int = 500_000,
        capacity: int = 64,
    ) -> None:
        self._margin_us = margin_us
        self._ahead_us = ahead_us
        self._longest_us = longest_us
        self._longest_gap_us = longest_gap_us
        self._capacity = capacity
        self._waiting: dict[int, State] = {}  # by pts
        self._transits: deque[tuple[int, int]] = deque(maxlen=256)  # (arrival, arrival - pts)
        self._steps: deque[int] = deque(maxlen=32)
        self._taken_us: deque[int] = deque(maxlen=32)  # by the making of pictures
        self._offset_us: int | None = None
        self._master_us: int | None = None
        self._slewed_us = 0
        self._settled_us: int | None = None  # when the stream is new no more
        self._newest: State | None = None
        self._shown: State | None = None  # the last real state shown
        self._cursor = 0  # pts of the last picture shown, real or mixed
        self.counts: Counter[str] = Counter()  # added, late, skipped, interpolated, held, resets

    @property
    def interval(self) -> int:
        """The stream's frame interval in 1/90000 s, from neighbouring frames."""
        return min(SLOWEST_INTERVAL, round(median(self._steps))) if self._steps else DEFAULT_INTERVAL

    @property
    def delay_us(self) -> int:
        """Playout delay: how long after its fastest possible arrival a frame is due."""
        if self._offset_us is None or not self._transits:
            return 0
        return (self._offset_us if self._master_us is None else self._master_us) - min(
            transit for _, transit in self._transits
        )

    @property
    def jitter_us(self) -> int:
        """Spread of the transit times over the window (95th percentile above the smallest)."""
        if not self._transits:
            return 0
        return self._late_transit() - min(transit for _, transit in self._transits)

    def add(self, state: State, *, arrived_us: int) -> None:
        """Takes a decoded motion; `arrived_us` is when its message came, not when it was decoded."""
        transit_us = arrived_us - pts_to_us(state.pts)
        if self._offset_us is not None and abs(transit_us - self._offset_us) > RESET_US:
            self.reset()
        self._transits.append((arrived_us, transit_us))
        while self._transits[0][0] < arrived_us - WINDOW_US:
            self._transits.popleft()
        self._retarget(arrived_us)
        self._learn_interval(state)
        if self._shown is not None and state.pts <= self._cursor:
            self.counts["late"] += 1
            return
        self.counts["added"] += 1
        self._waiting[state.pts] = state
        while len(self._waiting) > self._capacity:
            del self._waiting[min(self._waiting)]
            self.counts["skipped"] += 1

    @property
    def own_offset_us(self) -> int | None:
        """What the clock is ahead of time stamps by this stream's own needs; None before its first frame."""
        return self._offset_us

    def follow(self, offset_us: int | None) -> None:
        """Frames are due by this offset in place of its own, where another stream has the say; None: by its own."""
        self._master_us = offset_us

    def prepared(self, took_us: int) -> None:
        """A picture was made in that time, from being asked for to being here."""
        self._taken_us.append(took_us)

    def reset(self) -> None:
        """Forgets the time line: the next frame starts a new one."""
        self.counts["resets"] += 1
        self._waiting.clear()
        self._transits.clear()
        self._offset_us = self._settled_us = None
        self._newest = self._shown = None

    def _late_transit(self) -> int:
        ordered = sorted(transit for _, transit in self._transits)
        return ordered[int(0.95 * (len(ordered) - 1))]

    def _making_us(self) -> int:
        """What a picture takes, from being asked for: the median. With less, sound is ahead of most pictures."""
        ordered = sorted(self._taken_us)
        return ordered[len(ordered) // 2] if ordered else 0

    def _retarget(self, now_us: int) -> None:
        if self._settled_us is None:
            self._settled_us = now_us + SETTLING_US
        is_new = now_us < self._settled_us
        transits = [transit for _, transit in self._transits]
        late = max(transits[-SETTLING_FRAMES:]) if is_new else self._late_transit()
        target = min(late + self._margin_us, min(transits) + self._longest_us)
        target += self._making_us()
        passed_us = max(0, now_us - self._slewed_us)
        self._slewed_us = now_us
        if self._offset_us is None or target >= self._offset_us or is_new:
            self._offset_us = target
        else:
            excess_us = self._offset_us - target
            self._offset_us -= min(excess_us, round(max(SLEW, excess_us / CATCH_UP_US) * passed_us))

    def _learn_interval(self, state: State) -> None:
        newest = self._newest
        if newest is not None and (state.number - newest.number) % 256 == 1 and state.pts > newest.pts:
            self._steps.append(state.pts - newest.pts)
        if newest is None or state.pts > newest.pts:
            self._newest = state

    def _due_us(self, pts: int) -> int:
        offset_us = self._offset_us if self._master_us is None else self._master_us
        assert offset_us is not None
        return pts_to_us(pts) + offset_us

    def _gap_start(self, ahead: State) -> State | None:
        """The state to interpolate from towards `ahead`, or None where there is no gap, or none that can be filled."""
        shown = self._shown
        if shown is None or shown.reference_id != ahead.reference_id:
            return None
        gap = ahead.pts - shown.pts
        if ahead.pts - self._cursor < 1.5 * self.interval or pts_to_us(gap) > self._longest_gap_us:
            return None
        return shown

    @property
    def due_us(self) -> int | None:
        """When `take` will have something to make; None when nothing is waiting."""
        if not self._waiting:
            return None
        first = min(self._waiting)
        if self._gap_start(self._waiting[first]) is not None:
            first = self._cursor + self.interval
        return self._due_us(first) - self._ahead_us

    def take(self, *, now_us: int) -> Slot[State] | None:
        """The next picture to make, or None. Those that are overdue are skipped in favour of the newest of them."""
        if not self._waiting:
            return None
        first = min(self._waiting)
        due = sorted(pts for pts in self._waiting if self._due_us(pts) <= now_us)
        if not due and (slot := self._interpolate(self._waiting[first], now_us=now_us)) is not None:
            return slot
        if not due and self._due_us(first) <= now_us + self._ahead_us:
            due = [first]
        return self._show(due) if due else None

    def _show(self, due: list[int]) -> Slot[State]:
        """The newest of the frames `due`, in place of the others."""
        state = self._waiting[due[-1]]
        for pts in due:
            del self._waiting[pts]
        self.counts["skipped"] += len(due) - 1
        if self._shown is not None:
            gap = (due[0] - self._cursor) / self.interval
            self.counts["held"] += max(0, min(round(gap), 256) - 1)
        self._shown, self._cursor = state, state.pts
        return Slot(state.pts, self._due_us(state.pts), state)

    def _interpolate(self, ahead: State, *, now_us: int) -> Slot[State] | None:
        """The next mix towards `ahead`, if there is a gap to fill. One that is late by half an interval is left out."""
        before = self._gap_start(ahead)
        if before is None:
            return None
        interval = self.interval
        fitting = (ahead.pts - interval // 2 - self._cursor) // interval
        late_us = now_us - pts_to_us(interval / 2) - self._due_us(self._cursor)
        missed = min(max(0, late_us // pts_to_us(interval)), fitting)
        self.counts["held"] += missed
        self._cursor += missed * interval
        pts = self._cursor + interval
        if missed == fitting or self._due_us(pts) > now_us + self._ahead_us:
            return None
        self.counts["interpolated"] += 1
        self._cursor = pts
        fraction = (pts - before.pts) / (ahead.pts - before.pts)
        return Slot(pts, self._due_us(pts), ahead, before, fraction)
