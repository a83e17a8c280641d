"""What is a longer path, and what is a queue, from single reports."""

from dataclasses import replace

from signaling.transport.congestion.departures import Feedback
from signaling.transport.congestion.longer import LongerPath

CLEAR = Feedback(
    now_s=0.0, queue_ms=5.0, loss=0.0, received_kbps=20.0, sent_kbps=20.0, answered_s=0.1, quickest_s=0.05, alone_ms=5.0
)


def told(longer: LongerPath, *reports: tuple[float, float, float | None], telling: bool = True) -> list[bool]:
    """What it says to reports of (time in s, queue in ms, what waited behind nothing in ms)."""
    return [
        longer.see(replace(CLEAR, now_s=now_s, queue_ms=queue_ms, alone_ms=alone_ms), rate_kbps=30, telling=telling)
        for now_s, queue_ms, alone_ms in reports
    ]


def test_what_waits_behind_nothing_and_takes_as_long_is_a_longer_path_after_a_second() -> None:
    longer = LongerPath()
    assert told(longer, (0, 5, 5), (1, 280, 280), (1.5, 280, 280), (2.1, 280, 280)) == [False, False, False, True]
    assert longer.kbps == 30
    assert told(longer, (2.5, 280, 280)) == [False], "a new doubt"


def test_what_waits_behind_nothing_and_takes_no_longer_leaves_a_queue() -> None:
    assert not any(told(LongerPath(), *((at_s / 2, 400, 20) for at_s in range(20))))
    assert not any(told(LongerPath(), *((at_s / 2, 400, None) for at_s in range(20))))
    assert not any(told(LongerPath(), (0, 900, None), *((at_s / 2, 300, 300) for at_s in range(3, 20))))


def test_where_something_is_in_no_report_nothing_is_said() -> None:
    assert not any(told(LongerPath(), *((at_s / 2, 280, 280) for at_s in range(20)), telling=False))


def test_the_line_is_emptied_once_for_a_doubt_and_only_where_it_was_not_empty_since() -> None:
    longer = LongerPath()
    told(longer, (10, 280, None))
    assert not longer.asks(empty_s=5, now_s=10.9)
    assert longer.asks(empty_s=5, now_s=11.1)
    assert not longer.asks(empty_s=11.05, now_s=11.1)
    told(longer, (12, 20, None))
    assert not longer.asks(empty_s=5, now_s=15)
