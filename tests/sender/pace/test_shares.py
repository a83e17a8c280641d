"""A budget on the wire, shared out."""

from dataclasses import replace
from itertools import pairwise

import pytest

from sender.pace.shares import Needs, share_out

NEEDS = Needs(bundle=4, sound_kbps=8.0, reference_kbps=240.0, h264_kbps=30.0)
BUDGETS = [8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 64, 100, 200, 400]


def wire_kbps(kbps: float, needs: Needs = NEEDS) -> float:
    """What a stream that keeps to its shares takes, pauses of the voice left out."""
    shares = share_out(kbps, needs)
    frames = needs.fps / shares.every
    messages = frames / shares.bundle * 8 * 93 / 1000
    references = shares.reference_kbps * (shares.message_bytes + 93) / shares.message_bytes
    assert shares.motion_kbps is not None
    return messages + 0.85 * shares.sound_kbps + shares.motion_kbps + references


@pytest.mark.parametrize("kbps", [16, 20, 24, 32, 48, 64, 100])
def test_the_shares_together_are_no_more_than_the_budget(kbps: float) -> None:
    assert wire_kbps(kbps) <= kbps


def test_twelve_kbit_a_second_carry_sound_and_a_face() -> None:
    shares = share_out(12.0, NEEDS)
    assert wire_kbps(12.0) <= 12.0
    assert shares.sound_kbps == 6.0
    assert shares.bundle * shares.every * 40 >= 400
    assert shares.message_bytes <= 400
    assert not shares.residual


def test_a_line_without_a_limit_changes_nothing() -> None:
    shares = share_out(None, NEEDS)
    assert (shares.bundle, shares.every, shares.sound_kbps, shares.reference_kbps) == (4, 1, 8.0, 240.0)
    assert shares.motion_kbps is None
    assert shares.h264_fits


def test_nothing_is_ever_taken_back_by_more_bits() -> None:
    shares = [share_out(kbps, NEEDS) for kbps in BUDGETS]
    for less, more in pairwise(shares):
        assert more.bundle * more.every <= less.bundle * less.every
        assert more.sound_kbps >= less.sound_kbps
        assert more.message_bytes >= less.message_bytes
        assert more.h264_every <= less.h264_every
        assert more.h264_fits >= less.h264_fits


@pytest.mark.parametrize("kbps", BUDGETS)
def test_h264_keeps_to_the_budget_with_its_packets_or_is_said_not_to_fit(kbps: float) -> None:
    shares = share_out(kbps, NEEDS)
    takes = shares.h264_kbps + 25 / shares.h264_every * 8 * 50 / 1000
    assert takes <= kbps or not shares.h264_fits
    assert shares.h264_fits == (kbps >= 44)


def test_a_longer_bundle_that_was_asked_for_stays() -> None:
    assert share_out(400.0, Needs(bundle=12, sound_kbps=0, reference_kbps=240, h264_kbps=30)).bundle == 12


def test_without_sound_its_share_goes_to_the_face() -> None:
    silent = Needs(bundle=4, sound_kbps=0, reference_kbps=240, h264_kbps=30)
    with_sound, without = share_out(20.0, NEEDS), share_out(20.0, silent)
    assert without.sound_kbps == 0
    assert without.motion_kbps is not None
    assert with_sound.motion_kbps is not None
    assert without.motion_kbps > with_sound.motion_kbps
    assert without.reference_kbps > with_sound.reference_kbps


def test_where_the_line_loses_messages_are_short_and_where_it_is_thin_they_are_not() -> None:
    for kbps, bundle, twice in ((60.0, 2, True), (36.0, 2, True), (30.0, 3, False), (24.0, 3, False), (20.0, 8, False)):
        shares = share_out(kbps, NEEDS, loses=True)
        assert (shares.bundle, shares.repeats_motion) == (bundle, twice)
        assert not share_out(kbps, NEEDS).repeats_motion
    assert share_out(60.0, replace(NEEDS, bundle=1), loses=True).bundle == 1
    assert share_out(60.0, NEEDS).bundle == NEEDS.bundle
