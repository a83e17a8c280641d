"""Tests of any number of viewers as one receiver."""

from sender.sfu.audience import Audience
from signaling.protocol.messages import ClockPing, KeyframeRequest, ReceiverReport
from signaling.sfu.upstream import Wish

REQUEST = KeyframeRequest("joined")


def granted_at(audience: Audience, wishes: dict[float, int], *, until_s: float) -> list[float]:
    """When keyframes are granted, looked at ten times a second; `wishes`: when, by which viewer."""
    times: list[float] = []
    for tick in range(round(until_s * 10)):
        now_s = tick / 10
        for at_s, viewer in wishes.items():
            if tick == round(at_s * 10):
                assert audience.hear(Wish(viewer, REQUEST), now_s=now_s) is None
        if audience.grant(now_s=now_s):
            times.append(now_s)
    return times


def test_a_viewer_that_comes_has_a_keyframe_at_once() -> None:
    assert granted_at(Audience(), {2.0: 1}, until_s=20.0) == [2.0]


def test_a_storm_of_viewers_shares_ever_rarer_keyframes() -> None:
    storm = {tick / 10: tick for tick in range(300)}  # ten new viewers a second, for half a minute
    assert granted_at(Audience(), storm, until_s=60.0) == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0, 31.0]


def test_after_a_calm_the_next_one_is_at_once_again() -> None:
    audience = Audience()
    assert granted_at(audience, {0.0: 1, 0.5: 2, 30.0: 3}, until_s=40.0) == [0.0, 1.0, 30.0]


def test_a_viewer_that_asks_again_and_again_is_held_back_and_others_are_not() -> None:
    begging = {tick / 10: 1 for tick in range(1000)}
    alone = granted_at(Audience(), begging, until_s=100.0)
    assert alone == [0.0, 4.0, 12.0, 28.0, 60.0]
    audience = Audience()
    audience.hear(Wish(1, REQUEST), now_s=0.0)
    assert audience.grant(now_s=0.0)
    audience.hear(Wish(1, REQUEST), now_s=0.4)  # it cannot have read it yet
    assert not audience.grant(now_s=1.5)
    audience.hear(Wish(2, REQUEST), now_s=1.6)
    assert audience.grant(now_s=1.6)


def test_pings_are_answered_twice_a_second_whoever_asks() -> None:
    audience = Audience()
    answered = [audience.hear(Wish(tick, ClockPing(tick)), now_s=tick / 10) for tick in range(20)]
    assert [tick for tick, message in enumerate(answered) if message is not None] == [0, 5, 10, 15]


def test_what_is_shown_of_reports_is_the_worst_of_the_last_90_s() -> None:
    audience = Audience()
    audience.hear(Wish(1, ReceiverReport(0.3, None, 9.0, 5.0)), now_s=0.0)
    audience.hear(Wish(2, ReceiverReport(0.0, 200.0, 25.0, 1.0)), now_s=50.0)
    worst = audience.hear(Wish(3, ReceiverReport(0.1, 90.0, 20.0, 2.0)), now_s=60.0)
    assert worst == ReceiverReport(0.3, 200.0, 9.0, 5.0)
    assert audience.heard(now_s=60.0) == 3
    later = audience.hear(Wish(3, ReceiverReport(0.1, 90.0, 20.0, 2.0)), now_s=100.0)
    assert later == ReceiverReport(0.1, 200.0, 20.0, 2.0)
    assert audience.heard(now_s=100.0) == 2
    assert audience.heard(now_s=300.0) == 0


def test_many_viewers_that_speak_rarely_are_all_known() -> None:
    audience = Audience()
    for now_s in range(4000):  # a thousand, each once in so many seconds
        audience.hear(Wish(now_s % 1000, ReceiverReport(0.0, None, 25.0, 1.0)), now_s=now_s)
    assert audience.heard(now_s=4000) == 1000


def test_no_more_is_remembered_than_of_some_thousand_viewers() -> None:
    audience = Audience()
    for viewer in range(10_000):
        audience.hear(Wish(viewer, REQUEST), now_s=1.0)
    assert audience.heard(now_s=1.0) == 4096
    assert audience.grant(now_s=1.0)
