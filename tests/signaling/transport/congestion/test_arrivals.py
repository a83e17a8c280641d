"""Reports of what came: their bytes, and what may be wrong with them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.errors import MessageError
from signaling.transport.congestion import ArrivalLog, ArrivalReport, DepartureLog
from signaling.transport.congestion.arrivals import tag_of

VECTOR = Path(__file__).parents[3] / "vectors" / "arrival_report.bin"
KNOWN = ArrivalReport(0x1234, ((0xBEEF, 0), (0x0001, 40), (0xFFFF, 513)))


def test_the_bytes_are_those_of_the_vector() -> None:
    assert bytes(KNOWN) == VECTOR.read_bytes()
    assert ArrivalReport.parse(VECTOR.read_bytes()) == KNOWN


def test_no_part_of_a_report_is_one() -> None:
    whole = bytes(KNOWN)
    for length in range(len(whole)):
        with pytest.raises(MessageError):
            ArrivalReport.parse(whole[:length])
    with pytest.raises(MessageError):
        ArrivalReport.parse(whole + b"\0")


@given(st.binary(max_size=220))
@settings(deadline=None)
def test_whatever_comes_is_a_report_or_a_message_error(data: bytes) -> None:
    try:
        report = ArrivalReport.parse(data)
    except MessageError:
        return
    assert bytes(report) == data


@given(st.binary(max_size=220))
@settings(deadline=None)
def test_a_report_of_a_stranger_does_no_harm(data: bytes) -> None:
    log = DepartureLog()
    log.add(b"one", now_s=1.0, resent=False)
    try:
        feedback = log.hear(ArrivalReport.parse(b"\xa1" + data), now_s=1.1)
    except MessageError:
        return
    assert feedback is None or feedback.queue_ms >= 0


def test_each_arrival_is_told_twice() -> None:
    log = ArrivalLog()
    log.add(b"first", now_s=10.0)
    first = log.take(now_s=10.5)
    log.add(b"second", now_s=11.0)
    second = log.take(now_s=12.0)
    log.add(b"third", now_s=12.5)
    third = log.take(now_s=13.5)
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.entries == ((tag_of(b"first"), 0),)
    assert second.entries == ((tag_of(b"second"), 0), (tag_of(b"first"), 1000))
    assert [tag for tag, _ in third.entries] == [tag_of(b"third"), tag_of(b"second")]


def test_reports_are_rarer_where_less_comes() -> None:
    def reports(size: int) -> int:
        log, count = ArrivalLog(), 0
        for tick in range(1000):
            if tick % 16 == 0:
                log.add(tick.to_bytes(4, "big") + bytes(size), now_s=tick / 100)
            count += log.take(now_s=tick / 100) is not None
        return count

    assert reports(20) < reports(150) < reports(1000) <= 42


def test_a_lost_message_counts_once_whichever_report_tells_of_those_after_it() -> None:
    sent, came = DepartureLog(), ArrivalLog(quickest_s=0, slowest_s=0.001)
    losses = []
    for number in range(40):
        data, now_s = bytes([number]), number / 10
        sent.add(data, now_s=now_s, resent=False)
        if number % 10 != 5:
            came.add(data, now_s=now_s + 0.03)
        report = came.take(now_s=now_s + 0.04)
        feedback = None if report is None else sent.hear(report, now_s=now_s + 0.06)
        losses += [] if feedback is None else [feedback.loss]
    assert losses[-1] == pytest.approx(0.1, abs=0.02)


def test_what_the_transport_resends_says_nothing_of_loss() -> None:
    sent, came = DepartureLog(), ArrivalLog(quickest_s=0, slowest_s=0.001)
    for number in range(10):
        sent.add(bytes([number]), now_s=number / 10, resent=number % 2 == 0)
        if number % 2:
            came.add(bytes([number]), now_s=number / 10 + 0.03)
    report = came.take(now_s=2.0)
    assert report is not None
    feedback = sent.hear(report, now_s=2.0)
    assert feedback is not None
    assert feedback.loss == 0


def test_what_leaves_twice_was_on_its_way_since_the_first_time() -> None:
    sent, came = DepartureLog(), ArrivalLog(quickest_s=0, slowest_s=0.001)
    for number in range(3):
        sent.add(bytes([number]), now_s=float(number), resent=False)
        came.add(bytes([number]), now_s=number + 0.03)
    sent.add(bytes([2]), now_s=2.05, resent=False)  # again, since nobody knows yet that it came
    report = came.take(now_s=2.1)
    assert report is not None
    feedback = sent.hear(report, now_s=2.2)
    assert feedback is not None
    assert feedback.queue_ms == 0
    assert feedback.answered_s == pytest.approx(0.2)


def test_the_queue_is_what_is_longer_than_the_shortest_way_whatever_the_clocks_say() -> None:
    sent, came = DepartureLog(), ArrivalLog(quickest_s=0, slowest_s=0.001)
    queues = []
    for number in range(30):
        now_s = number / 10
        queue_s = 0.2 if number >= 20 else 0.0
        sent.add(bytes([number]), now_s=now_s, resent=False)
        came.add(bytes([number]), now_s=now_s + 64.9 + queue_s)  # another clock, which wraps on the way
        report = came.take(now_s=now_s + 70)
        assert report is not None
        feedback = sent.hear(report, now_s=now_s + 0.3)
        assert feedback is not None
        queues.append(feedback.queue_ms)
    assert queues[10] == pytest.approx(0, abs=2)
    assert queues[-1] == pytest.approx(200, abs=2)
