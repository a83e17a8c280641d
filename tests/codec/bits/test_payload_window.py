"""Rates over any five seconds."""

import pytest

from codec.bits.payload_window import WINDOW_S, window_rates
from codec.units import PTS_PER_S

STEP = 3600
WINDOW = round(WINDOW_S * PTS_PER_S)


def steady(count: int, bits: int = 400) -> list[tuple[int, int]]:
    return [(index * STEP, bits) for index in range(count)]


def test_a_steady_stream_has_one_rate() -> None:
    rates = window_rates(steady(250), end=250 * STEP)
    assert rates.first == rates.least == rates.most == 10.0


@pytest.mark.parametrize("count", [0, 1, 124])
def test_a_short_stream_has_none(count: int) -> None:
    rates = window_rates(steady(count), end=count * STEP)
    assert rates.first is rates.least is rates.most is None


def test_exactly_one_window_is_the_first() -> None:
    rates = window_rates(steady(125), end=125 * STEP)
    assert rates.first == 10.0
    assert rates.least is rates.most is None


def test_the_keyframe_counts_in_the_first_window_alone() -> None:
    frames = [(0, 10_400), *steady(250)[1:]]
    rates = window_rates(frames, end=250 * STEP)
    assert rates.first == 12.0
    assert rates.most == 10.0


@pytest.mark.parametrize("apart", [125, 126])
def test_two_lumps_share_a_window_when_they_are_less_than_five_seconds_apart(apart: int) -> None:
    frames = steady(400, bits=0)
    for index in (100, 100 + apart):
        frames[index] = (frames[index][0], 5000)
    frames[100] = (frames[100][0] + (1 if apart == 125 else 0), 5000)  # a tick later, they do
    assert window_rates(frames, end=400 * STEP).most == (2.0 if apart == 125 else 1.0)


def test_windows_begin_anywhere() -> None:
    """Every window that begins with a frame holds a lump; one that begins just after the first lump holds none."""
    frames = [(0, 100), (10, 9000), (WINDOW + 20, 9000)]
    assert window_rates(frames, end=2 * WINDOW + 20).least == 0.0


def test_uneven_frames() -> None:
    frames = [(0, 1000), (90_000, 1000), (300_000, 1000), (600_000, 1000)]
    rates = window_rates(frames, end=700_000)
    assert (rates.first, rates.most) == (0.6, 0.4)
    assert rates.least == 0.2
