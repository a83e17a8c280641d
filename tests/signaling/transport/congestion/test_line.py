"""The controller against a line that is computed: what it takes, what it queues, and how soon it follows."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from signaling.transport.congestion import ArrivalLog, Line

Queues = list[tuple[float, float]]
Run = Callable[..., Queues]


def longest(queues: Queues, since_s: float, until_s: float) -> float:
    return max(queue_s for at_s, queue_s in queues if since_s <= at_s < until_s)


@pytest.mark.parametrize("kbps", [12, 16, 20, 32, 64])
def test_a_limit_is_used_and_hardly_queued(run: Run, bottleneck: Any, stream: Any, kbps: int) -> None:
    link = bottleneck(lambda now_s: kbps)
    talk = stream(link)
    queues = run(link, [talk], seconds=40)
    assert talk.kbps(10, 40) > 0.85 * kbps
    settled = sorted(queue_s for at_s, queue_s in queues if at_s >= 10)
    assert settled[int(0.95 * len(settled))] < (0.8 if kbps == 12 else 0.5)


def test_a_limit_that_falls_is_obeyed_within_three_seconds_and_never_queues_more_than_one(
    run: Run, bottleneck: Any, stream: Any
) -> None:
    link = bottleneck(lambda now_s: 16 if 20 <= now_s < 35 else 64)
    talk = stream(link)
    queues = run(link, [talk], seconds=50)
    assert talk.kbps(10, 20) > 50
    assert longest(queues, 20, 35) < 1.05
    assert longest(queues, 23, 35) < 0.6
    assert talk.kbps(23, 35) > 9.5


def test_what_a_line_carries_again_is_found_within_five_seconds(run: Run, bottleneck: Any, stream: Any) -> None:
    link = bottleneck(lambda now_s: 16 if 20 <= now_s < 35 else 64)
    talk = stream(link)
    run(link, [talk], seconds=45)
    assert talk.kbps(38.5, 40) > 40


def test_two_calls_share_a_line_about_equally(run: Run, bottleneck: Any, stream: Any) -> None:
    link = bottleneck(lambda now_s: 64)
    first, second = stream(link), stream(link, from_s=10)
    run(link, [first, second], seconds=90)
    both = first.kbps(60, 90) + second.kbps(60, 90)
    assert both > 55
    assert 0.4 < first.kbps(60, 90) / both < 0.6


@pytest.mark.parametrize("wanted_kbps", [8, 16, 30])
@pytest.mark.parametrize(("delay_s", "jitter_s"), [(0.15, 0.02), (0.3, 0.03), (0.4, 0.0)])
def test_a_long_way_is_no_queue(
    run: Run, bottleneck: Any, stream: Any, delay_s: float, jitter_s: float, wanted_kbps: float
) -> None:
    """Little comes, so reports are a second apart, and an answer takes longer than any path without a queue."""
    link = bottleneck(lambda now_s: 1e6, delay_s=delay_s, jitter_s=jitter_s)
    talk = stream(link, wanted_kbps=wanted_kbps)
    run(link, [talk], seconds=60)
    assert talk.kbps(10, 60) > 0.9 * wanted_kbps
    assert not talk.line.is_limited(now_s=60)


@pytest.mark.parametrize("wanted_kbps", [12, 20, 30])
@pytest.mark.parametrize(("longer_s", "jitter_s"), [(0.2, 0.0), (0.3, 0.03), (0.4, 0.02)])
def test_a_way_that_gets_longer_is_a_queue_for_a_few_seconds(
    run: Run, bottleneck: Any, stream: Any, longer_s: float, jitter_s: float, wanted_kbps: float
) -> None:
    """What waits behind nothing of ours takes as long as the rest."""
    link = bottleneck(lambda now_s: 1e6, longer=(10, longer_s, jitter_s))
    talk = stream(link, wanted_kbps=wanted_kbps)
    run(link, [talk], seconds=60)
    assert talk.kbps(15, 60) > 0.85 * wanted_kbps
    assert not talk.line.is_limited(now_s=60)


@pytest.mark.parametrize("kbps", [12, 20, 48])
def test_a_limit_that_begins_with_a_longer_way_is_a_limit(run: Run, bottleneck: Any, stream: Any, kbps: int) -> None:
    """What waits behind ours takes longer than what does not."""
    link = bottleneck(lambda now_s: 1e6 if now_s < 10 else kbps, longer=(10, 0.3, 0.0))
    talk = stream(link)
    queues = run(link, [talk], seconds=60)
    assert longest(queues, 20, 60) < 1.0
    assert talk.kbps(20, 60) > 0.5 * kbps


@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2, 0.3])
def test_loss_that_is_not_ours_costs_little(run: Run, bottleneck: Any, stream: Any, loss: float) -> None:
    link = bottleneck(lambda now_s: 1e6, loss=loss)
    talk = stream(link, wanted_kbps=25)
    run(link, [talk], seconds=60)
    assert talk.kbps(10, 60) > 0.85 * 25 * (1 - loss)


@pytest.mark.parametrize("loss", [0.05, 0.1, 0.2, 0.3])
def test_loss_is_answered_for_as_long_as_it_lasts(run: Run, bottleneck: Any, stream: Any, loss: float) -> None:
    """The answer, each message twice, does not hide what it answers, nor take the room that it needs."""
    link = bottleneck(lambda now_s: 1e6, loss=loss)
    talk = stream(link, wanted_kbps=20, twice=True)
    run(link, [talk], seconds=60)
    seen = [(loses, rate_kbps > 36) for at_s, loses, rate_kbps in talk.seen if at_s >= 15]
    assert sum(loses for loses, _ in seen) > (0.7 if loss == 0.05 else 0.95) * len(seen)
    assert sum(room for _, room in seen) > 0.75 * len(seen)


def test_a_line_that_drops_what_is_too_much_and_queues_nothing_is_found_out(
    run: Run, bottleneck: Any, stream: Any
) -> None:
    link = bottleneck(lambda now_s: 20, policed=True)
    talk = stream(link, wanted_kbps=60)
    run(link, [talk], seconds=60)
    sent = sum(size for at_s, size in talk.sent if at_s >= 20) / 125 / 40
    assert talk.kbps(20, 60) > 15
    assert sent < 1.9 * talk.kbps(20, 60)


def test_a_line_without_a_limit_is_given_what_is_wanted(run: Run, bottleneck: Any, stream: Any) -> None:
    link = bottleneck(lambda now_s: 1e6)
    talk = stream(link, wanted_kbps=300)
    run(link, [talk], seconds=20)
    assert talk.kbps(12, 20) > 250
    assert not talk.line.is_limited(now_s=20)


def test_a_cut_lowers_the_rate_and_its_end_brings_it_back(run: Run, bottleneck: Any, stream: Any) -> None:
    link = bottleneck(lambda now_s: 0 if 10 <= now_s < 15 else 200)
    talk = stream(link, wanted_kbps=40)
    run(link, [talk], seconds=25)
    sent = sum(size for at_s, size in talk.sent if 12 <= at_s < 15) / 125 / 3
    assert sent < 15
    assert talk.kbps(20, 25) > 30


def test_the_rate_keeps_to_what_the_user_allows(run: Run, bottleneck: Any, stream: Any) -> None:
    link = bottleneck(lambda now_s: 4)
    talk = stream(link)
    talk.line = Line(min_kbps=10, max_kbps=30)
    run(link, [talk], seconds=20)
    assert talk.line.rate_kbps == 10
    free = bottleneck(lambda now_s: 1e6)
    talk = stream(free)
    talk.line = Line(min_kbps=10, max_kbps=30)
    run(free, [talk], seconds=20)
    assert talk.line.rate_kbps == 30


def test_without_a_report_what_is_on_its_way_stays_little() -> None:
    line = Line(min_kbps=8, max_kbps=400)
    assert not line.is_known
    assert line.window_bytes(now_s=0) == 0
    line.flies(0, now_s=0)
    assert 0 < line.window_bytes(now_s=1) <= 1600


def test_the_window_grows_with_what_the_line_has_shown_to_carry() -> None:
    line, log = Line(min_kbps=8, max_kbps=400), ArrivalLog()
    line.flies(0, now_s=0)
    for number in range(3):
        message = bytes([number]) * 200
        line.sent(message, now_s=0.1 * number, resent=False)
        log.add(message, now_s=0.1 * number + 0.5)
    report = log.take(now_s=1.0)
    assert report is not None
    line.hear(report, now_s=1.0)
    assert line.rate_kbps == 48  # as it began
    assert line.window_bytes(now_s=1.0) == 1600


def test_a_thin_line_is_emptied_now_and_then() -> None:
    line = Line(min_kbps=8, max_kbps=400)
    line.flies(0, now_s=0)
    assert line.window_bytes(now_s=9) > 0
    assert line.window_bytes(now_s=11) == 0
    line.flies(0, now_s=12)
    assert line.window_bytes(now_s=13) > 0


def test_a_line_loses_where_nothing_waits_for_it() -> None:
    line, log = Line(min_kbps=8, max_kbps=400), ArrivalLog()
    said = []
    for number in range(200):
        now_s, message = number / 10, number.to_bytes(2, "big") * 50
        line.sent(message, now_s=now_s, resent=False)
        if number < 100 or number % 4:
            log.add(message, now_s=now_s + 0.02)
        if number % 5 == 4 and (report := log.take(now_s=now_s + 0.05)) is not None:
            line.hear(report, now_s=now_s + 0.07)
        said.append(line.loses)
    assert not any(said[:100])
    assert all(said[150:])


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("after_s", [0.08, 0.16, 0.4])
def test_copies_hide_no_loss_and_are_no_queue(loss: float, after_s: float) -> None:
    """Each message leaves twice, and its arrival is told twice: before the copy has left, or after."""
    draws = random.Random(5)
    line, log = Line(min_kbps=8, max_kbps=400), ArrivalLog()
    events: list[tuple[float, int, bytes]] = []
    for number in range(400):
        message = number.to_bytes(2, "big") * 60
        events += [(0.16 * number, number, message), (0.16 * number + after_s, number, message)]
    seen, queues = [], []
    for now_s, _, message in sorted(events):
        line.sent(message, now_s=now_s, resent=False)
        if draws.random() >= loss:
            log.add(message, now_s=now_s + 0.02)
        if (report := log.take(now_s=now_s + 0.03)) is not None:
            line.hear(report, now_s=now_s + 0.05)
            assert line.latest is not None
            seen.append(line.latest.loss)
            queues.append(line.queue_ms)
    assert abs(sum(seen[20:]) / len(seen[20:]) - loss) < 0.03
    assert max(queues) < 5
