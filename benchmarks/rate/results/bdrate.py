"""Stage 10, display (as judged): the mean distance between two rate-quality curves, where they overlap.

Bjontegaard, VCEG-M33 (2001), by the `bjontegaard` package with piecewise cubic interpolation (PCHIP) of log rate. The
result says over how much of the tested curve the comparison holds; where curves do not overlap there is no number, but
the reason. The comparison can be held below a rate: both curves are then cut there, at the quality where the same
interpolation of log rate reaches it, so that no bit above the limit has a say.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import bjontegaard
from scipy.interpolate import PchipInterpolator

LEAST_POINTS = 2
ROUNDING = 1e-9  # of a logarithm
_METHOD = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One operating point: more kbps should mean more quality, in whatever unit."""

    kbps: float
    quality: float


@dataclass(frozen=True, slots=True)
class Delta:
    """`value` (percent for a rate, the metric's unit for a quality) over what the two curves have in common.

    That is `overlap` (0..1) of the test curve's range, and `overlap_of_anchor` of the other's. `value` is None where
    the curves cannot be compared; `reason` then says why.
    """

    value: float | None
    overlap: float
    reason: str
    overlap_of_anchor: float = 0.0

    def __str__(self) -> str:
        return "n/a" if self.value is None else f"{self.value:+.1f} ({self.overlap:.0%}, {self.overlap_of_anchor:.0%})"


def frontier(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """The points that buy quality for their rate, by rising rate: both coordinates strictly rise along the list."""
    kept: list[CurvePoint] = []
    for point in sorted(points, key=lambda p: (p.kbps, -p.quality)):
        if point.kbps > 0 and (not kept or (point.quality > kept[-1].quality and point.kbps > kept[-1].kbps)):
            kept.append(point)
    return kept


def _reaches(curve: Sequence[CurvePoint], point: CurvePoint) -> bool:
    """Whether a frontier has the point's quality for less, by the interpolation that BD-rate uses."""
    qualities = [one.quality for one in curve]
    if len(curve) < LEAST_POINTS or not qualities[0] <= point.quality <= qualities[-1]:
        return False
    log_rate = PchipInterpolator(qualities, [math.log(one.kbps) for one in curve])
    return bool(log_rate(point.quality) < math.log(point.kbps) - ROUNDING)


def envelope(curves: Sequence[Sequence[CurvePoint]]) -> list[CurvePoint]:
    """The frontier of all ways to run one codec, each a curve: at every rate its best way.

    A point goes where another way's curve has its quality for less: beside it, it would draw the frontier down.
    """
    fronts = [frontier(curve) for curve in curves]
    kept = [
        point
        for own, front in enumerate(fronts)
        for point in front
        if not any(_reaches(other, point) for index, other in enumerate(fronts) if index != own)
    ]
    return frontier(kept)


def _span(values: Sequence[float]) -> str:
    sizes = sorted(map(abs, values))  # LPIPS comes in negated
    return f"{sizes[0]:.3g} to {sizes[-1]:.3g}"


def _delta(
    anchor: Sequence[float],
    test: Sequence[float],
    what: str,
    value: Callable[[], float],
    *,
    scale: Callable[[float], float] = float,
) -> Delta:
    """`value` over what both ranges have, and its share of each on `scale`; the reason where that is nothing."""
    low, high = max(min(anchor), min(test)), min(max(anchor), max(test))
    if high <= low:
        return Delta(None, 0.0, f"{what} does not overlap: facewire {_span(test)}, anchor {_span(anchor)}")
    of_test, of_anchor = ((scale(high) - scale(low)) / (scale(max(one)) - scale(min(one))) for one in (test, anchor))
    return Delta(float(value()), of_test, "", of_anchor)


def _few(anchor: list[CurvePoint], test: list[CurvePoint]) -> str:
    for name, curve in (("anchor", anchor), ("facewire", test)):
        if len(curve) < LEAST_POINTS:
            return f"{name} has fewer than {LEAST_POINTS} points of rising rate and quality"
    return ""


def cut(points: Sequence[CurvePoint], below_kbps: float) -> list[CurvePoint]:
    """The frontier's points up to a rate, and the point where it crosses it; none where it begins above it."""
    curve = frontier(points)
    kept = [point for point in curve if point.kbps <= below_kbps]
    if kept and kept[-1].kbps < below_kbps < curve[-1].kbps:
        log_rate = PchipInterpolator([p.quality for p in curve], [math.log(p.kbps) for p in curve])
        (quality,) = log_rate.solve(math.log(below_kbps), extrapolate=False)
        kept.append(CurvePoint(below_kbps, float(quality)))
    return kept


def bd_rate(anchor: Sequence[CurvePoint], test: Sequence[CurvePoint], *, below_kbps: float | None = None) -> Delta:
    """Mean rate difference of `test` against `anchor` at equal quality, in percent; negative means fewer bits.

    With `below_kbps` over what both curves reach below that rate. Overlaps are in parts of the curves that are left.
    """
    a, t = frontier(anchor), frontier(test)
    if below_kbps is not None:
        a, t = cut(a, below_kbps), cut(t, below_kbps)
        for name, curve in (("anchor", a), ("facewire", t)):
            if not curve:
                return Delta(None, 0.0, f"{name} has no point below {below_kbps:g} kbps")
    if reason := _few(a, t):
        return Delta(None, 0.0, reason)

    def value() -> float:
        return float(bjontegaard.bd_rate(*_columns(a), *_columns(t), **_METHOD))

    return _delta([p.quality for p in a], [p.quality for p in t], "quality", value)


def bd_quality(anchor: Sequence[CurvePoint], test: Sequence[CurvePoint]) -> Delta:
    """Mean quality difference of `test` against `anchor` at equal rate (BD-PSNR where quality is PSNR in dB)."""
    a, t = frontier(anchor), frontier(test)
    if reason := _few(a, t):
        return Delta(None, 0.0, reason)

    def value() -> float:
        return float(bjontegaard.bd_psnr(*_columns(a), *_columns(t), **_METHOD))

    return _delta([p.kbps for p in a], [p.kbps for p in t], "kbps", value, scale=math.log)


def _columns(curve: list[CurvePoint]) -> tuple[list[float], list[float]]:
    return [point.kbps for point in curve], [point.quality for point in curve]
