"""Frames of a device's blocks: none lost, and times that follow the clock without its tremor."""

import random

import numpy as np
import pytest

from codec.sound import SAMPLE_RATE
from sender.sound.frames import Framer


def test_nothing_is_lost_or_doubled_whatever_the_blocks() -> None:
    chance, framer = random.Random(1), Framer(1920)
    samples = np.arange(48_000, dtype=np.float32)
    frames, place = [], 0
    while place < len(samples):
        size = chance.randrange(1, 3000)
        frames += framer.add(samples[place : place + size], captured_s=5 + place / SAMPLE_RATE)
        place += size
    assert np.array_equal(np.concatenate([frame for frame, _ in frames]), samples)
    assert [time_s for _, time_s in frames] == pytest.approx([5 + 0.04 * number for number in range(25)])


def test_times_follow_a_card_that_is_fast_and_do_not_tremble() -> None:
    chance, framer, times = random.Random(2), Framer(1920), []
    for number in range(5000):
        captured_s = number * 0.02 * (1 - 200e-6) + chance.uniform(0, 0.015)
        times += [time_s for _, time_s in framer.add(np.zeros(960, np.float32), captured_s=captured_s)]
    steps = np.diff(times[100:])
    assert np.abs(steps - 0.04).max() < 0.002
    assert times[-1] == pytest.approx(4998 * 0.02 * (1 - 200e-6), abs=0.015)


@pytest.mark.parametrize("gap_s", [0.5, 3.0])
def test_a_gap_is_silence_of_its_length(gap_s: float) -> None:
    framer = Framer(1920)
    framer.add(np.ones(960, np.float32), captured_s=0.0)
    frames = framer.add(np.ones(960 + 1920, np.float32), captured_s=0.02 + gap_s)
    heard = np.concatenate([frame for frame, _ in frames])
    assert np.count_nonzero(heard == 0) == round(gap_s * SAMPLE_RATE)
    assert [time_s for _, time_s in frames] == pytest.approx([0.04 * number for number in range(len(frames))])


def test_what_overlaps_is_left_out_and_another_time_line_begins_anew() -> None:
    framer = Framer(1920)
    framer.add(np.zeros(1000, np.float32), captured_s=10.0)
    framer.add(np.zeros(9600, np.float32), captured_s=10.0 + 1000 / SAMPLE_RATE)
    (frame, time_s), *_ = framer.add(np.ones(9600 + 1920, np.float32), captured_s=10.02)
    assert time_s == pytest.approx(10.2, abs=0.01)
    assert len(frame) == 1920
    ((_, later_s),) = framer.add(np.zeros(1920, np.float32), captured_s=500.0)
    assert later_s == 500.0
