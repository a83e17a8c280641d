"""Tests of sender.broadcast.agreement: whom the encoder follows."""

from dataclasses import replace

from sender.broadcast.agreement import Laggards, Wish, agree, middle
from sender.pace.shares import Needs, share_out

NEEDS = Needs(bundle=4, sound_kbps=0.0, reference_kbps=240.0, h264_kbps=30.0)


def seen(laggards: Laggards[str], *, seconds: float, since_s: float = 0.0, **kbps: float | None) -> set[str]:
    for tick in range(round(10 * seconds) + 1):
        laggards.see(kbps, now_s=since_s + tick / 10)
    return set(laggards.lagging)


def test_all_can_take_what_is_agreed_on() -> None:
    wide, thin = share_out(400.0, NEEDS), share_out(14.0, NEEDS)
    agreed = agree([Wish(wide, 30), Wish(thin, 50), Wish(replace(wide, bundle=6), 34)])
    assert (agreed.qp, agreed.shares.bundle, agreed.shares.every) == (50, thin.bundle, thin.every)
    assert not agreed.shares.residual
    assert agree([Wish(wide, 30)]) == Wish(wide, 30)


def test_of_an_even_number_the_larger_is_the_middle() -> None:
    assert (middle([1.0, 9.0]), middle([1.0, 2.0, 9.0]), middle([3.0])) == (9.0, 2.0, 3.0)


def test_a_line_alone_is_followed_however_thin() -> None:
    assert seen(Laggards(), seconds=10, a=8.0) == set()


def test_one_bad_line_among_good_ones_is_not_followed_after_two_seconds() -> None:
    laggards: Laggards[str] = Laggards()
    assert seen(laggards, seconds=1.9, a=20.0, b=300.0, c=400.0) == set()
    assert seen(laggards, seconds=0.2, since_s=1.9, a=20.0, b=300.0, c=400.0) == {"a"}
    assert seen(laggards, seconds=0, since_s=3, a=42.0, b=80.0, c=84.0) == {"a"}  # not quite three fifths
    assert seen(laggards, seconds=0, since_s=4, a=50.0, b=80.0, c=84.0) == set()


def test_where_most_lines_are_thin_they_are_followed() -> None:
    assert seen(Laggards(), seconds=5, a=20.0, b=18.0, c=400.0) == set()


def test_a_line_that_carries_the_whole_stream_is_no_laggard() -> None:
    assert seen(Laggards(), seconds=5, a=45.0, b=400.0, c=400.0) == set()


def test_lines_that_nobody_knows_are_not_judged() -> None:
    assert seen(Laggards(), seconds=5, a=None, b=400.0) == set()


def test_a_dip_that_passes_is_forgotten_and_so_is_who_has_gone() -> None:
    laggards: Laggards[str] = Laggards()
    seen(laggards, seconds=1.5, a=10.0, b=300.0)
    seen(laggards, seconds=0, since_s=1.6, a=300.0, b=300.0)
    assert seen(laggards, seconds=1.5, since_s=1.7, a=10.0, b=300.0) == set()
    assert seen(laggards, seconds=1.0, since_s=3.3, a=10.0, b=300.0) == {"a"}
    assert seen(laggards, seconds=0, since_s=5, b=300.0) == set()
