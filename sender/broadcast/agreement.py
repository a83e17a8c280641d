"""Stages 4 to 6, agreement: one way of coding for several lines, and who is waited for. Pure.

All viewers get the same frames. The encoder follows the slowest line that is no laggard:

- a viewer of which nothing was heard for a second is away: nothing waits for it;
- a viewer is a *laggard* when its line has carried less than half of the middle viewer's for two seconds, and too
  little for the stream as it is meant to be (44 kbit/s: the rate from which nothing is given up); or when it has not
  received a reference for two seconds that another viewer has. It is one no more at 60 %, or with that reference.

So the many are not held to what one bad line carries, and where most lines are thin the stream is made for them. A
laggard goes on getting what its own line takes: messages that have to wait give way to newer ones.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from sender.pace.shares import Shares

__all__ = ["Laggards", "Wish", "agree", "middle"]

_PART, _PART_BACK = 0.5, 0.6
_ENOUGH_KBPS = 44.0
_PATIENCE_S = 2.0

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Wish:
    """How one viewer's line would have the stream coded."""

    shares: Shares
    qp: int


def agree(wishes: Sequence[Wish]) -> Wish:
    """The way of coding that all of these can take. At least one."""
    first = wishes[0]
    shares = replace(
        first.shares,
        bundle=max(wish.shares.bundle for wish in wishes),
        every=max(wish.shares.every for wish in wishes),
        sound_kbps=min(wish.shares.sound_kbps for wish in wishes),
        residual=all(wish.shares.residual for wish in wishes),
    )
    return Wish(shares, max(wish.qp for wish in wishes))


def middle(values: Sequence[float]) -> float:
    """The middle one; of an even number the larger of the two."""
    return sorted(values)[len(values) // 2]


@dataclass(slots=True)
class Laggards(Generic[K]):
    """Who lags for want of a line."""

    _slow_since_s: dict[K, float] = field(default_factory=dict)
    lagging: set[K] = field(default_factory=set)

    def see(self, kbps: Mapping[K, float | None], *, now_s: float) -> None:
        """What the lines of all viewers that are there carry; None where nobody knows."""
        known = [rate for rate in kbps.values() if rate is not None]
        normal = middle(known) if known else math.inf
        for viewer, rate in kbps.items():
            part = _PART_BACK if viewer in self.lagging else _PART
            if rate is None or rate >= min(part * normal, _ENOUGH_KBPS):
                self._slow_since_s.pop(viewer, None)
                self.lagging.discard(viewer)
            elif now_s - self._slow_since_s.setdefault(viewer, now_s) >= _PATIENCE_S:
                self.lagging.add(viewer)
        for gone in self._slow_since_s.keys() - kbps.keys():
            del self._slow_since_s[gone]
        self.lagging &= kbps.keys()
