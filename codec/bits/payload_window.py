"""Stage 10, meter: how much any five seconds of a stream hold, the promise that a budget is kept by."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from codec.units import PTS_PER_S

__all__ = ["WINDOW_S", "WindowRates", "window_rates"]

WINDOW_S = 5.0
_WINDOW = round(WINDOW_S * PTS_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRates:
    """Payload kbps over any five seconds: the least and the most of windows without the first frame, and the first.

    The first frame, a keyframe, can take more than a low budget's share of a window, so the window that begins with it
    stands apart. None where the stream is too short.
    """

    least: float | None
    most: float | None
    first: float | None


def window_rates(frames: Sequence[tuple[int, int]], *, end: int) -> WindowRates:
    """Frames as (pts in 1/90000 s, growing; payload bits), and the pts at which the last one ends -> their rates.

    Every window counts, not only those that begin with a frame: between two frames' entering or leaving nothing
    changes, so those instants, and the ones just after, are all there is to look at.
    """
    times = [pts for pts, _ in frames]
    sums = [0, *accumulate(bits for _, bits in frames)]
    if not times or end - times[0] < _WINDOW:
        return WindowRates(least=None, most=None, first=None)
    starts = {start + late for pts in times for start in (pts, pts - _WINDOW) for late in (0, 1)}
    held = {
        start: sums[bisect_left(times, start + _WINDOW)] - sums[bisect_left(times, start)]
        for start in starts
        if times[0] <= start <= end - _WINDOW
    }
    rates = [bits / WINDOW_S / 1000 for start, bits in held.items() if start > times[0]]
    return WindowRates(
        least=min(rates, default=None), most=max(rates, default=None), first=held[times[0]] / WINDOW_S / 1000
    )
