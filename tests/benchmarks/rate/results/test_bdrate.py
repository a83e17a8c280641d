"""Stage 10, display (as judged): Bjontegaard's measures on curves whose distance is known."""

import math

import pytest

from benchmarks.rate.results.bdrate import CurvePoint, Delta, bd_quality, bd_rate, cut, envelope, frontier


def line(rates: tuple[float, ...], *, offset_db: float = 0.0) -> list[CurvePoint]:
    """Six decibels for each doubling of the rate: straight in log rate, so any interpolation is exact."""
    return [CurvePoint(rate, 20 + 6 * math.log2(rate / 4) + offset_db) for rate in rates]


ANCHOR = line((4, 8, 16, 32))


def test_half_the_rate_for_the_same_quality() -> None:
    test = [CurvePoint(p.kbps / 2, p.quality) for p in ANCHOR]
    assert bd_rate(ANCHOR, test).value == pytest.approx(-50)
    assert bd_rate(ANCHOR, test).overlap == pytest.approx(1)
    assert bd_rate(test, ANCHOR).value == pytest.approx(100)


def test_three_decibels_at_the_same_rate() -> None:
    result = bd_quality(ANCHOR, line((5, 10, 20), offset_db=3))
    assert result.value == pytest.approx(3)
    assert result.overlap == pytest.approx(1)
    assert str(result) == "+3.0 (100%, 67%)" == str(Delta(3.0, 1.0, "", 2 / 3))


def test_a_curve_against_itself() -> None:
    assert bd_rate(ANCHOR, ANCHOR).value == pytest.approx(0)
    assert bd_quality(ANCHOR, ANCHOR).value == pytest.approx(0)


def test_the_overlap_is_said() -> None:
    result = bd_quality(ANCHOR, line((16, 32, 64), offset_db=1))
    assert result.value == pytest.approx(1)
    assert result.overlap == pytest.approx(0.5)
    assert result.overlap_of_anchor == pytest.approx(1 / 3)
    rate = bd_rate(ANCHOR, line((16, 32, 64)))
    assert (rate.overlap, rate.overlap_of_anchor) == (pytest.approx(1 / 2), pytest.approx(1 / 3))


def test_curves_apart_give_a_reason_instead_of_a_number() -> None:
    cheap = line((0.5, 1, 2))
    rate, quality = bd_rate(ANCHOR, cheap), bd_quality(ANCHOR, cheap)
    assert rate.value is None
    assert rate.reason == "quality does not overlap: facewire 2 to 14, anchor 20 to 38"
    assert quality.value is None
    assert quality.reason == "kbps does not overlap: facewire 0.5 to 2, anchor 4 to 32"
    assert str(rate) == "n/a"


def test_curves_that_touch_in_one_point_do_not_overlap() -> None:
    assert bd_quality(ANCHOR, line((32, 64))).value is None


@pytest.mark.parametrize("points", [[], ANCHOR[:1], [CurvePoint(4, 20), CurvePoint(8, 19)]])
def test_too_few_points_are_a_reason(points: list[CurvePoint]) -> None:
    assert bd_rate(ANCHOR, points).reason == "facewire has fewer than 2 points of rising rate and quality"
    assert bd_quality(points, ANCHOR).reason == "anchor has fewer than 2 points of rising rate and quality"


def test_points_that_do_not_pay_are_left_out() -> None:
    points = [CurvePoint(8, 26), CurvePoint(0, 31), CurvePoint(4, 20), CurvePoint(6, 19), CurvePoint(8, 25)]
    assert frontier(points) == [CurvePoint(4, 20), CurvePoint(8, 26)]


def test_below_a_rate_both_curves_are_cut_where_they_cross_it() -> None:
    assert cut(ANCHOR, 16)[-1] == ANCHOR[2]
    assert [point.kbps for point in cut(ANCHOR, 12)] == [4, 8, 12]
    assert cut(ANCHOR, 12)[-1].quality == pytest.approx(20 + 6 * math.log2(3))
    assert cut(ANCHOR, 50) == ANCHOR
    assert cut(ANCHOR, 3) == []


def test_bits_above_the_limit_have_no_say() -> None:
    """Ours saves a half below 16 kbps and doubles the rate above."""
    test = [CurvePoint(p.kbps / 2, p.quality) for p in line((4, 8, 16, 24))]
    waste = [*test, CurvePoint(200, ANCHOR[-1].quality + 1)]
    whole, below = bd_rate(ANCHOR, waste), bd_rate(ANCHOR, waste, below_kbps=12)
    assert whole.value is not None
    assert whole.value > -49
    assert below.value == pytest.approx(-50, abs=0.5)
    assert bd_rate(ANCHOR, test, below_kbps=12).value == pytest.approx(-50)


def test_a_curve_that_begins_above_the_limit_is_a_reason() -> None:
    assert bd_rate(ANCHOR, line((16, 32)), below_kbps=12).reason == "facewire has no point below 12 kbps"
    assert bd_rate(line((16, 32)), ANCHOR, below_kbps=12).reason == "anchor has no point below 12 kbps"
    assert bd_rate(line((12, 32)), ANCHOR, below_kbps=12).reason.startswith("anchor has fewer than 2 points")


def test_the_envelope_has_at_every_rate_the_best_way() -> None:
    fine = line((8, 16, 32))
    coarse = line((2, 4), offset_db=3)  # better, where it reaches
    assert envelope([fine, coarse]) == [*coarse, *fine]
    worse = line((4, 10, 20), offset_db=-1)
    assert envelope([fine, coarse, worse]) == [*coarse, *fine]  # 10 kbps would pass a plain frontier
    assert CurvePoint(10, worse[1].quality) in frontier([*fine, *coarse, *worse])
    assert bd_rate(envelope([fine, worse[1:]]), fine).value == pytest.approx(0)


def test_a_way_goes_where_it_is_beaten_and_stays_where_it_is_not() -> None:
    flat = [CurvePoint(2, 20), CurvePoint(16, 26)]
    steep = [CurvePoint(4, 15), CurvePoint(32, 40)]
    assert envelope([flat, steep]) == [CurvePoint(2, 20), CurvePoint(32, 40)]


@pytest.mark.parametrize("curves", [[], [[]], [[], []]])
def test_the_envelope_of_nothing_is_nothing(curves: list[list[CurvePoint]]) -> None:
    assert envelope(curves) == []


def test_one_way_alone_or_twice_is_its_frontier() -> None:
    bumpy = [*ANCHOR, CurvePoint(10, 5)]
    assert envelope([bumpy]) == envelope([bumpy, bumpy]) == frontier(bumpy) == ANCHOR
    assert envelope([ANCHOR, [CurvePoint(6, 40)]]) == [ANCHOR[0], CurvePoint(6, 40)]  # a single point counts, too
