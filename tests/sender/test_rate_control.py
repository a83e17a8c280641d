"""Tests of the QP controller on a codec that behaves as most do."""

from itertools import pairwise

import pytest

from sender.rate_control import QpController


def run(
    controller: QpController, *, seconds: int, complexity: float = 1.0, fps: int = 25, qp: int
) -> tuple[int, float]:
    """(QP at the end, kbps of the last five seconds) when six steps of QP halve the rate of 40 kbps at QP 20."""
    spent = []
    now_s = 0.0
    for frame in range(seconds * fps):
        now_s = frame / fps
        bits = complexity * 40_000 / fps * 2 ** ((20 - qp) / 6)
        controller.spend(round(bits), now_s=now_s)
        spent.append(bits)
        qp = controller.decide(now_s=now_s) or qp
    return qp, sum(spent[-5 * fps :]) / 5000


@pytest.mark.parametrize("kbps", [5.0, 8.0, 20.0])
@pytest.mark.parametrize("start", [10, 32, 60])
def test_it_settles_near_the_budget(kbps: float, start: int) -> None:
    qp, rate = run(QpController(kbps=kbps, qp=start), seconds=60, qp=start)
    assert rate == pytest.approx(kbps, rel=0.15)
    assert 0 <= qp <= 63


def test_it_changes_at_most_once_a_second_and_by_little() -> None:
    controller, qp, changes = QpController(kbps=1.0, qp=20), 20, []
    for frame in range(250):
        controller.spend(4000, now_s=frame / 25)
        if (new := controller.decide(now_s=frame / 25)) is not None:
            assert abs(new - qp) <= 3
            qp = new
            changes.append(frame / 25)
    assert all(after - before >= 1 for before, after in pairwise(changes))
    assert changes[0] >= 1


@pytest.mark.parametrize(("kbps", "end"), [(0.01, 63), (10_000.0, 0)])
def test_it_stops_at_the_ends_of_the_scale(kbps: float, end: int) -> None:
    controller = QpController(kbps=kbps, qp=32)
    run(controller, seconds=60, qp=32)
    assert controller.qp == end


def test_nothing_spent_nothing_decided() -> None:
    assert QpController(kbps=5.0, qp=32).decide(now_s=10.0) is None
