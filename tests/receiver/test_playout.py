"""Playout: which picture is shown when, with a clock of numbers."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.units import pts_to_us
from receiver.motion.playout import Playout, Slot

STEP = 3600
STEP_US = 40_000


@dataclass(frozen=True, slots=True)
class State:
    pts: int
    number: int
    reference_id: int = 0


def state(index: int, *, reference_id: int = 0) -> State:
    return State(index * STEP, index % 256, reference_id)


def play(playout: Playout[State], *, until_us: int) -> list[Slot[State]]:
    """Takes what is due at its time."""
    slots = []
    while (due_us := playout.due_us) is not None and due_us <= until_us:
        slot = playout.take(now_us=due_us)
        assert slot is not None, "due, and nothing there"
        slots.append(slot)
    return slots


def test_frames_of_a_still_path_come_at_their_own_times() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    slots = []
    for index in range(50):
        playout.add(state(index), arrived_us=1_000_000 + index * STEP_US)
        slots += play(playout, until_us=1_000_000 + index * STEP_US)
    assert [slot.pts for slot in slots] == [index * STEP for index in range(50)]
    assert {slot.due_us - pts_to_us(slot.pts) for slot in slots} == {1_000_000}
    assert playout.delay_us == 0


def test_a_bundle_of_four_costs_three_frames_of_delay_and_no_more() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    slots = []
    for bundle in range(30):
        arrived_us = (4 * bundle + 3) * STEP_US
        for index in range(4 * bundle, 4 * bundle + 4):
            playout.add(state(index), arrived_us=arrived_us)
        slots += play(playout, until_us=arrived_us + 4 * STEP_US - 1)
    assert [slot.pts for slot in slots] == [index * STEP for index in range(120)]
    assert playout.delay_us == 3 * STEP_US
    gaps = {b.due_us - a.due_us for a, b in pairwise(slots)}
    assert gaps == {STEP_US}


def test_the_delay_grows_at_once_and_shrinks_slowly() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    for index in range(100):
        jitter_us = 60_000 if index < 20 and index % 2 else 0
        playout.add(state(index), arrived_us=index * STEP_US + jitter_us)
        play(playout, until_us=index * STEP_US + jitter_us)
    assert playout.delay_us == 60_000
    for index in range(100, 250):
        playout.add(state(index), arrived_us=index * STEP_US)
        play(playout, until_us=index * STEP_US)
    assert 0 <= playout.delay_us < 60_000


def test_a_first_frame_that_took_long_does_not_delay_the_others() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    playout.add(state(0), arrived_us=1_500_000)
    for index in range(38, 100):
        playout.add(state(index), arrived_us=(index + 1) * STEP_US)
        play(playout, until_us=(index + 1) * STEP_US)
    assert playout.delay_us == 0
    assert playout.counts["late"] == 0


def test_a_delay_that_is_far_too_long_shrinks_faster() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    delays_us = []
    for index in range(400):
        jitter_us = 300_000 if 60 <= index < 80 else 0
        playout.add(state(index), arrived_us=index * STEP_US + jitter_us)
        play(playout, until_us=index * STEP_US + jitter_us)
        delays_us.append(playout.delay_us)
    assert max(delays_us) == 300_000
    over = next(index for index in range(80, 400) if delays_us[index] < 300_000)
    assert delays_us[over + 50] < 120_000, "two seconds later"
    assert delays_us[over + 125] < 40_000


def test_the_delay_is_bounded() -> None:
    playout: Playout[State] = Playout(margin_us=0, longest_us=100_000)
    for index in range(50):
        playout.add(state(index), arrived_us=index * STEP_US + (900_000 if index % 2 else 0))
    assert playout.delay_us == 100_000


def test_a_gap_whose_end_is_here_is_interpolated() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    playout.add(state(0), arrived_us=100_000)
    playout.add(state(1), arrived_us=100_000)
    assert len(play(playout, until_us=140_000)) == 2
    playout.add(state(5), arrived_us=150_000)
    slots = play(playout, until_us=400_000)
    assert [slot.pts for slot in slots] == [2 * STEP, 3 * STEP, 4 * STEP, 5 * STEP]
    assert [slot.fraction for slot in slots] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert all(slot.before == state(1) and slot.state == state(5) for slot in slots[:3])
    assert slots[3].before is None
    assert playout.counts["interpolated"] == 3
    assert playout.counts["held"] == 0


def test_a_gap_is_held_when_its_end_is_not_here_or_warps_another_reference() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    for index in (0, 1):
        playout.add(state(index), arrived_us=100_000)
    play(playout, until_us=140_000)
    playout.add(state(4, reference_id=1), arrived_us=150_000)
    assert [slot.pts for slot in play(playout, until_us=400_000)] == [4 * STEP]
    assert playout.counts["held"] == 2
    playout.add(state(40, reference_id=1), arrived_us=400_000)
    assert [slot.pts for slot in play(playout, until_us=5_000_000)] == [40 * STEP]
    assert playout.counts["interpolated"] == 0


def test_late_frames_are_dropped_and_a_stall_shows_only_the_newest() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    for index in range(10):
        playout.add(state(index), arrived_us=100_000)
    slot = playout.take(now_us=100_000 + 6 * STEP_US)
    assert slot is not None
    assert slot.pts == 6 * STEP
    assert playout.counts["skipped"] == 6
    playout.add(state(3), arrived_us=110_000)
    assert playout.counts["late"] == 1


def test_a_sender_that_starts_over_starts_a_new_time_line() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    for index in range(1000, 1010):
        playout.add(state(index), arrived_us=index * STEP_US)
    play(playout, until_us=1010 * STEP_US)
    playout.add(state(0), arrived_us=1020 * STEP_US)
    slots = play(playout, until_us=1020 * STEP_US)
    assert [slot.pts for slot in slots] == [0]
    assert playout.counts["resets"] == 1


def test_the_interval_is_learnt_and_bounded() -> None:
    playout: Playout[State] = Playout()
    assert playout.interval == STEP
    for index in range(10):
        playout.add(State(index * 3000, index), arrived_us=index * 33_333)
    assert playout.interval == 3000


def test_frames_are_given_ahead_in_order_and_only_overdue_ones_are_skipped() -> None:
    playout: Playout[State] = Playout(margin_us=0, ahead_us=STEP_US)
    for index in range(4):
        playout.add(state(index), arrived_us=100_000)
    first, second = (playout.take(now_us=100_000) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.pts, second.pts) == (0, STEP)
    assert second.due_us == 140_000
    assert playout.take(now_us=139_999) is None
    assert playout.due_us == 140_000
    late = playout.take(now_us=230_000)
    assert late is not None
    assert (late.pts, playout.counts["skipped"]) == (3 * STEP, 1)


def test_a_picture_is_due_when_it_can_be_ready() -> None:
    playout: Playout[State] = Playout(margin_us=0)
    for took_us in (12_000, 90_000, 13_500, 12_500, 13_000, 90_000, 14_000):
        playout.prepared(took_us)
    playout.add(state(0), arrived_us=100_000)
    assert playout.due_us == 113_500, "most are; some had to wait for others"


@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 400_000), st.integers(0, 1), st.integers(0, 50_000)), max_size=60
    ),
    ahead_us=st.sampled_from([0, 40_000]),
)
def test_any_arrivals_play_in_order_and_never_stall_the_clock(
    arrivals: list[tuple[int, int, int, int]], ahead_us: int
) -> None:
    """Frames in any order, doubled, late, of two references, taken at any times."""
    playout: Playout[State] = Playout(ahead_us=ahead_us)
    now_us, shown = 0, []
    for index, wait_us, reference_id, oversleep_us in arrivals:
        now_us += wait_us
        playout.add(state(index, reference_id=reference_id), arrived_us=now_us)
        for _ in range(1000):
            due_us = playout.due_us
            if due_us is None or due_us > now_us:
                break
            slot = playout.take(now_us=max(now_us, due_us) + oversleep_us)
            if slot is not None:
                assert 0 < slot.fraction <= 1
                assert (slot.before is None) == (slot.fraction == 1)
                shown.append(slot.pts)
        else:
            pytest.fail("always something due")
    resets = playout.counts["resets"]
    assert sum(b <= a for a, b in pairwise(shown)) <= resets
