"""Stage 4, budget: so many bits in any five seconds, by the qp of motion and by when references go.

A reference is a lump of half a second's budget and more, motion is all the rest. What was spent is remembered for the
length of the window, so it is known what every window that ends in the next five seconds holds already:

- The pace of motion is the budget less a reserve for references, corrected by what motion took too much (a leaky
  bucket), and kept where the windows that end next stay between their bounds.
- qp is what a model of bits against qp says of that pace: log-linear, its levels followed frame by frame. It moves by
  six steps a second, and faster only away from a bound.
- A reference that is worth its bits waits until the window has room for it, and goes sooner where the window would
  run empty. Only a picture that has nothing in common with its reference gets a new one at once.
- A keyframe can be more than a window holds. What is beyond its share is paid back slowly, out of later windows.

Content too still to take the budget at the finest qp leaves it unspent, and gains no claim to it. The encoder's part is
in codec.encoder, the check in codec.bits.payload_window. Amounts are in seconds of the budget, times in seconds of
the pictures' own clock.
"""

import math
from bisect import bisect_right
from typing import Self

from codec.bits.payload_window import WINDOW_S
from codec.config import CodecConfig
from codec.units import MAX_QP, PTS_PER_S

_LOW, _HIGH = 4.6, 5.4  # what a window may hold: 2 % less than the promise either way
_FULL = 5.45  # no motion beyond it
_NEAR_S = (0.4, 0.8, 1.2, 1.6)  # ends of the windows that bound the pace
_PACES = (0.05, 1.6)
_SETTLE_S = 1.5  # how fast motion makes up for what it took too much

_HALVING = 12.0  # qp steps that halve the bits of motion
_FRESH = 0.5  # of the usual life of a reference
_FOLLOW = 0.15  # how fast the model follows what frames cost
_USUAL_QP, _USUAL_KBPS = 34, 7.6  # of a talking head, 256x256
_STEP_S, _STEP_UP, _STEP_DOWN = 0.16, 6, 4  # for a step of qp; and how many away from the high and the low bound

_REFERENCE_SHARE, _REFERENCE_S = 0.5, 0.5  # before a call has shown its own: of the budget, and budget for each
_REFERENCE_FOLLOW = 0.4
_RESERVE_S = 1.0  # how fast a reserve that is overdrawn is filled up
_LARGEST_RESERVE = 0.7
_DUE_DB = -1.5  # so close to being wanted, a reference is counted on, and goes when the window is at its low bound
_SOON_S, _SOONEST_S = 0.2, 0.3  # how far the window is looked ahead for that, and how long a reference stays
_MARGIN = 1.1  # for references larger than the usual one
_URGENT_DB, _URGENT = 2.0, 5.5  # so much worse than usual, the window may be as full as the promise allows
_COLLAPSE_DB = 6.0  # so much worse than usual, a picture is no longer the one that the reference shows

_BEFORE = 0.9
_COUNTED = 0.4  # of a keyframe in windows; what is beyond fits none, and is paid back slowly
_LARGEST_KEYFRAME = 2.5
_PAY_BACK = 0.05  # of the pace
_MOST_OVER = 0.6
_LEAST_SAVED = -1.0  # more than this is forfeit: what was not spent is not owed
_GAP_S = 1.0  # between frames; time beyond it earns nothing


class Ledger:
    """Amounts by time, for sums over the last window.

    Before it begins, the pace was a little under the budget: a keyframe often needs a second picture soon.
    """

    def __init__(self, begin_s: float) -> None:
        self._begin_s = begin_s
        self._times = [begin_s - 2 * WINDOW_S]
        self._sums = [0.0]
        self.total = 0.0

    def add(self, amount: float, *, at_s: float) -> None:
        """`at_s` never runs backwards."""
        self.total += amount
        self._times.append(at_s)
        self._sums.append(self.total)
        if len(self._times) > 2048:
            old = bisect_right(self._times, at_s - 2 * WINDOW_S)
            del self._times[: max(0, old - 1)], self._sums[: max(0, old - 1)]

    def held(self, *, now_s: float, ahead_s: float) -> float:
        """What the window that ends `ahead_s` from now holds already."""
        since_s = now_s + ahead_s - WINDOW_S
        before = self._sums[max(0, bisect_right(self._times, since_s) - 1)]
        return self.total - before + _BEFORE * max(0.0, self._begin_s - since_s)


class MotionModel:
    """What a frame's motion costs at a qp: bits = 2^(level - qp / 12), a level for each kind of frame.

    Frames that begin a bundle cost more than those that continue one, and those on a fresh reference little.
    """

    def __init__(self, *, qp: int, bits: float) -> None:
        level = math.log2(max(bits, 1.0)) + qp / _HALVING
        self._levels = {
            (chained, fresh): level + (-0.3 if chained else 0.5) - (0.5 if fresh else 0.0)
            for chained in (False, True)
            for fresh in (False, True)
        }

    def see(self, bits: int, *, qp: int, chained: bool, fresh: bool) -> None:
        """What a frame did cost."""
        seen = math.log2(max(bits, 1)) + qp / _HALVING
        self._levels[chained, fresh] += _FOLLOW * (seen - self._levels[chained, fresh])

    def qp_for(self, bits: float, *, bundle: int, fresh: bool) -> float:
        """The qp at which the frames of a bundle take so many bits in the mean."""
        first, other = (2 ** self._levels[chained, fresh] for chained in (False, True))
        mean = (first + (bundle - 1) * other) / bundle
        return _HALVING * (math.log2(mean) - math.log2(max(bits, 1.0)))


class Budget:
    """Spends `kbps` on one call's frames: asks for their cost, tells qp, room and the price of references."""

    def __init__(self, kbps: float, *, size: int, bundle: int, references: bool = True) -> None:
        """Without `references`, keyframes are all there are."""
        self._bits_per_s = kbps * 1000
        self._bundle = bundle
        usual = _USUAL_KBPS * (size / 256) ** 0.7
        start = round(_USUAL_QP + 13 * math.log2(usual / kbps))
        self.qp = min(MAX_QP, max(0, start))
        self._now_s = 0.0
        self._frame_s = 0.04
        self._spent: Ledger | None = None
        self._model = MotionModel(qp=self.qp, bits=0.5 * self._bits_per_s * self._frame_s)
        self._over = 0.0  # what motion and the reserve took beyond their pace
        self._aside = 0.0  # in the reserve for references; below 0 after most of them
        self._debt = 0.0
        self._reference = math.log2(_REFERENCE_S)
        self._between_s = _REFERENCE_S / _REFERENCE_SHARE if references else math.inf
        self._referenced_s = 0.0
        self._excess_db = -math.inf
        self._blocked_s = 0.0  # how long a reference has waited for room

    @classmethod
    def of(cls, config: CodecConfig) -> Self | None:
        """The budget of a configuration, if it has one."""
        if not config.kbps:
            return None
        adaptive = config.references == "adaptive"
        return cls(config.kbps, size=config.size, bundle=config.bundle, references=adaptive)

    @property
    def keyframe_bits(self) -> int:
        """The most that a keyframe should take."""
        return round(_LARGEST_KEYFRAME * self._bits_per_s)

    def advance(self, pts: int) -> None:
        """Time is now that of this frame, in 1/90000 s."""
        now_s = pts / PTS_PER_S
        if self._spent is None:
            self._spent, self._now_s, self._referenced_s = Ledger(now_s), now_s, now_s
            return
        elapsed_s = now_s - self._now_s
        idle_s = max(0.0, elapsed_s - _GAP_S)
        if idle_s:
            self._spent.add(min(idle_s, WINDOW_S), at_s=now_s - _GAP_S)
            self._referenced_s += idle_s
        elapsed_s -= idle_s
        self._now_s = now_s
        self._frame_s += 0.1 * (elapsed_s - self._frame_s)
        reserve, paid = self._reserve() * elapsed_s, min(self._debt, _PAY_BACK * elapsed_s)
        self._aside += reserve
        self._debt -= paid
        self._over = max(_LEAST_SAVED, min(_MOST_OVER, self._over + reserve + paid - elapsed_s))

    def plan(self) -> int:
        """The qp of the bundle that begins now."""
        pace = self._pace()
        low, high = self._bounds()
        wanted = max(_PACES[0], min(max(pace, low), high, _PACES[1]))
        qp = self._model.qp_for(wanted * self._frame_s * self._bits_per_s, bundle=self._bundle, fresh=self._fresh)
        steps = max(1, round(self._frame_s * self._bundle / _STEP_S))
        up = steps * (_STEP_UP if pace > high else 1)
        down = steps * (_STEP_DOWN if pace < low else 1)
        self.qp = min(MAX_QP, max(0, self.qp + max(-down, min(up, round(qp - self.qp)))))
        return self.qp

    def room_bytes(self) -> int:
        """What the motion of this frame may take."""
        return max(0, int((_FULL - self._held(0.0)) * self._bits_per_s / 8))

    def grants(self, *, excess_db: float) -> bool:
        """Whether a reference goes now, when the frame costs so much more than usual."""
        held, reference = self._held(0.0), _MARGIN * 2**self._reference
        scarce = (WINDOW_S - self._held(_SOON_S)) / (WINDOW_S - _LOW)
        threshold_db = 0.0
        if self._now_s - self._referenced_s >= _SOONEST_S:
            threshold_db = _DUE_DB * max(0.0, min(3.0, scarce))
        self._excess_db = excess_db
        high = _URGENT if excess_db > _URGENT_DB else _HIGH
        if held + reference > max(high, _LOW + 0.05 + reference):
            self._blocked_s += self._frame_s if excess_db > threshold_db else 0.0
            threshold_db = _COLLAPSE_DB
        return excess_db > threshold_db

    def spend(self, *, motion_bits: int, wanted_bits: int, reference_bits: int, keyframe: bool, chained: bool) -> None:
        """What the frame took, headers with their half, and what its motion would have taken but for `room_bytes`."""
        assert self._spent is not None, "advance comes first"
        motion, reference = motion_bits / self._bits_per_s, reference_bits / self._bits_per_s
        counted = min(reference, _COUNTED if keyframe else 1.0)
        self._debt += reference - counted
        if not reference_bits:
            self._model.see(wanted_bits, qp=self.qp, chained=chained, fresh=self._fresh)
        elif keyframe:
            self._over += counted / 2
            self._debt += counted / 2
        else:
            self._aside = max(-_COUNTED, self._aside - counted)
            self._follow(reference)
        if reference_bits:
            self._referenced_s, self._excess_db, self._blocked_s = self._now_s, -math.inf, 0.0
        self._over += motion
        self._spent.add(motion + counted, at_s=self._now_s)

    def _follow(self, reference: float) -> None:
        """Learns from a reference how large they are and how far apart."""
        since_s = max(self._frame_s, self._now_s - self._referenced_s - self._blocked_s)
        # What waited for room would have come sooner in a larger budget: that is no part of their distance.
        self._reference += _REFERENCE_FOLLOW * (math.log2(max(reference, 1e-3)) - self._reference)
        self._between_s *= (since_s / self._between_s) ** _REFERENCE_FOLLOW

    @property
    def _fresh(self) -> bool:
        return self._now_s - self._referenced_s < _FRESH * self._between_s

    def _held(self, ahead_s: float) -> float:
        assert self._spent is not None, "advance comes first"
        return self._spent.held(now_s=self._now_s, ahead_s=ahead_s)

    def _reserve(self) -> float:
        """The pace at which budget is put aside for references: none when there is enough for the next one."""
        reference = 2**self._reference
        usual = reference / self._between_s * max(0.0, min(1.0, 1.5 - self._aside / reference))
        overdrawn = max(0.0, -self._aside - reference / 2)
        return min(_LARGEST_RESERVE, usual + overdrawn / _RESERVE_S)

    def _pace(self) -> float:
        """The pace of motion that keeps to the budget in the long run."""
        return 1.0 - self._reserve() - (_PAY_BACK if self._debt > 0 else 0.0) - self._over / _SETTLE_S

    def _bounds(self) -> tuple[float, float]:
        """The paces of motion between which the windows that end next keep to theirs."""
        due = 2**self._reference if self._excess_db > _DUE_DB else 0.0
        reserve = self._reserve()
        low = max((_LOW - max(due, reserve * ahead_s) - self._held(ahead_s)) / ahead_s for ahead_s in _NEAR_S)
        high = min((_HIGH - self._held(ahead_s)) / ahead_s for ahead_s in _NEAR_S)
        return min(low, high), high
