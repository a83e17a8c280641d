"""Sums of eight bits: right on this processor, with or without room to spare, and tried before they are trusted."""

import pytest

from codec.engines import saturation
from codec.engines.saturation import summed, weight_headroom


def test_sums_are_right_with_the_headroom_that_was_found() -> None:
    assert weight_headroom() in (1.0, 2.0)
    assert summed(headroom=weight_headroom()) == pytest.approx(1, abs=0.02)
    assert summed(headroom=2.0) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("found", "headroom"), [(1.0, 1.0), (0.99, 1.0), (0.506, 2.0), (1.2, 2.0)])
def test_what_is_cut_off_is_found_out(monkeypatch: pytest.MonkeyPatch, found: float, headroom: float) -> None:
    monkeypatch.setattr(saturation, "summed", lambda headroom: found)
    weight_headroom.cache_clear()
    assert weight_headroom() == headroom
    weight_headroom.cache_clear()
