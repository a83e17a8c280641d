"""Tests of the mode machine: when H.264 takes over, when keypoints come back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sender.work.mode import ModeMachine, ModeRules, RequestedMode

RULES = ModeRules()
GOOD, LOW, BETWEEN = 30.0, 15.0, 20.5  # dB; between the floor and what counts as recovered


class Call:
    """A machine fed with pictures at a frame rate."""

    def __init__(self, requested: RequestedMode = "auto", *, fps: float = 25.0) -> None:
        self.machine = ModeMachine(requested, RULES)
        self.now_s, self.step_s = 1000.0, 1 / fps
        self.refreshes = 0
        self.changes: list[tuple[float, str]] = []

    def see(self, seconds: float, *, face: bool = True, psnr_db: float | None = GOOD) -> "Call":
        for _ in range(max(1, round(seconds / self.step_s))):
            self.now_s += self.step_s
            codes = self.machine.codes_keypoints
            changed = self.machine.see_face(face, now_s=self.now_s)
            if codes and psnr_db is not None:
                changed |= self.machine.see_quality(psnr_db, now_s=self.now_s)
            self.refreshes += self.machine.take_refresh()
            if changed:
                self.changes.append((self.now_s, self.machine.carrier))
        return self

    def until_change(self, *, limit_s: float = 60.0, **seen: Any) -> float:
        """Seconds until the carrier changes."""
        start_s, before = self.now_s, len(self.changes)
        while len(self.changes) == before:
            assert self.now_s - start_s < limit_s, "no change"
            self.see(0, **seen)
        return self.now_s - start_s


@pytest.mark.parametrize("requested", ["keypoints", "h264", "compare"])
def test_a_fixed_mode_never_changes(requested: RequestedMode) -> None:
    call = Call(requested).see(3, face=False, psnr_db=LOW).see(3).see(3, face=False)
    assert call.changes == []
    assert call.machine.carrier == requested
    assert call.machine.sends_keypoints == (requested != "h264")
    assert call.machine.sends_h264 == (requested != "keypoints")
    assert call.machine.codes_keypoints == (requested != "h264")
    assert call.refreshes == 0


def test_auto_begins_and_stays_with_keypoints_while_all_is_well() -> None:
    call = Call().see(30)
    assert call.changes == []
    assert call.machine.sends_keypoints
    assert not call.machine.sends_h264


def test_without_any_face_h264_carries_the_call_from_the_first_picture() -> None:
    call = Call().see(0, face=False, psnr_db=None)
    assert call.machine.carrier == "h264"
    assert call.machine.cause == "face"
    assert not call.machine.codes_keypoints


@pytest.mark.parametrize("fps", [60.0, 25.0, 10.0, 5.0])
def test_a_lost_face_changes_to_h264_within_a_second(fps: float) -> None:
    call = Call(fps=fps).see(5)
    # The follower itself takes 0.35 s before it says so.
    assert call.until_change(face=False) < 1 - 0.35
    assert call.machine.carrier == "h264"


def test_a_face_lost_for_a_moment_changes_nothing() -> None:
    call = Call().see(5)
    for _ in range(5):
        call.see(0.25, face=False).see(0.1)
    assert call.changes == []


@pytest.mark.parametrize("fps", [60.0, 25.0, 10.0, 5.0])
def test_low_quality_asks_for_a_reference_and_then_changes_within_a_second(fps: float) -> None:
    call = Call(fps=fps).see(5)
    assert call.until_change(psnr_db=LOW) <= 1.0
    assert call.refreshes == 1
    assert call.machine.carrier == "h264"
    assert call.machine.cause == "quality"
    assert call.machine.codes_keypoints, "it has to see when quality comes back"
    assert not call.machine.sends_keypoints


def test_a_reference_that_helps_is_enough() -> None:
    call = Call().see(5).see(0.4, psnr_db=LOW)
    assert call.refreshes == 1
    call.see(20)
    assert call.changes == []


def test_low_again_soon_after_the_new_reference_changes_and_later_asks_anew() -> None:
    soon = Call().see(5).see(0.4, psnr_db=LOW).see(1.0).see(0.6, psnr_db=LOW)
    assert soon.machine.carrier == "h264"
    assert soon.refreshes == 1
    later = Call().see(5).see(0.4, psnr_db=LOW).see(4.0).see(0.4, psnr_db=LOW)
    assert later.changes == []
    assert later.refreshes == 2


def test_one_bad_picture_asks_for_nothing() -> None:
    call = Call().see(1)
    for _ in range(20):
        call.see(0.04, psnr_db=LOW).see(0.2)
    assert call.refreshes == 0
    assert call.changes == []


def test_a_value_counts_when_it_comes_and_not_for_the_time_until_the_next() -> None:
    call = Call().see(5).see(0, psnr_db=LOW)
    assert call.machine.doubts_quality
    call.see(5, psnr_db=None)
    assert call.refreshes == 0
    call.see(0, psnr_db=LOW).see(5, psnr_db=None)
    assert call.refreshes == 1
    assert call.changes == []
    call.see(0)
    assert not call.machine.doubts_quality


@pytest.mark.parametrize("requested", ["keypoints", "h264", "compare"])
def test_a_fixed_mode_doubts_nothing(requested: RequestedMode) -> None:
    assert not Call(requested).see(1, psnr_db=LOW).machine.doubts_quality


def test_there_is_no_doubt_left_once_h264_carries_the_call() -> None:
    call = Call().see(5).see(3, psnr_db=LOW)
    assert call.machine.carrier == "h264"
    assert not call.machine.doubts_quality


def test_back_when_the_face_has_been_there_for_a_while() -> None:
    call = Call().see(20).see(2, face=False)
    assert call.machine.carrier == "h264"
    assert RULES.face_back_s <= call.until_change() < RULES.face_back_s + 0.1
    assert call.machine.carrier == "keypoints"
    assert call.machine.cause is None


def test_a_face_that_comes_and_goes_does_not_bring_keypoints_back() -> None:
    call = Call().see(20).see(2, face=False)
    for _ in range(10):
        call.see(0.6).see(0.1, face=False)
    assert call.machine.carrier == "h264"


def test_h264_stays_a_least_time() -> None:
    call = Call().see(20).see(0.4, face=False)
    assert call.machine.carrier == "h264"
    assert call.until_change() == pytest.approx(RULES.least_stay_s, abs=0.1)


def test_back_from_low_quality_needs_to_be_clear_of_the_floor() -> None:
    call = Call().see(20).see(2, psnr_db=LOW)
    assert call.machine.carrier == "h264"
    call.see(20, psnr_db=BETWEEN)
    assert call.machine.carrier == "h264"
    assert call.until_change() == pytest.approx(RULES.quality_back_s, abs=0.1)


def test_a_face_lost_during_low_quality_stops_the_codec() -> None:
    call = Call().see(20).see(2, psnr_db=LOW).see(0.5, face=False)
    assert call.machine.cause == "face"
    assert not call.machine.codes_keypoints


def test_changes_that_do_not_last_make_the_next_stay_longer_up_to_a_limit() -> None:
    call = Call()
    stays = []
    for _ in range(6):
        call.see(2)
        call.until_change(face=False)
        stays.append(call.until_change())
    assert stays == pytest.approx([1.5, 3.0, 6.0, 12.0, 12.0, 12.0], abs=0.15)
    call.see(RULES.lasting_s + 1)
    call.until_change(face=False)
    assert call.until_change() == pytest.approx(1.5, abs=0.15)


def test_refresh_is_told_once() -> None:
    call = Call().see(5).see(0.12, psnr_db=LOW)
    call.machine.see_quality(LOW, now_s=call.now_s + 0.1)
    assert call.machine.take_refresh()
    assert not call.machine.take_refresh()


@given(st.lists(st.tuples(st.floats(0.001, 2), st.booleans(), st.sampled_from([GOOD, LOW, BETWEEN])), max_size=80))
def test_whatever_is_seen_the_state_makes_sense(seen: list[tuple[float, bool, float]]) -> None:
    machine, now_s, changed_s = ModeMachine("auto", RULES), 0.0, None
    for step_s, face, psnr_db in seen:
        now_s += step_s
        before = machine.carrier
        changed = machine.see_face(face, now_s=now_s)
        if machine.codes_keypoints:
            changed |= machine.see_quality(psnr_db, now_s=now_s)
        assert machine.sends_keypoints != machine.sends_h264
        assert (machine.cause is None) == machine.sends_keypoints
        assert changed or machine.carrier == before
        if changed and machine.carrier == "keypoints":
            assert changed_s is not None
            assert now_s - changed_s >= RULES.least_stay_s
        if changed:
            changed_s = now_s


def test_too_much_work_is_h264_and_tried_again_less_and_less_often() -> None:
    call, stays = Call().see(1.0), list[float]()
    for _ in range(8):
        assert call.machine.see_overload(call.now_s)
        assert (call.machine.carrier, call.machine.cause) == ("h264", "load")
        assert not call.machine.codes_keypoints
        assert not call.machine.see_overload(call.now_s)
        stays.append(round(call.until_change(), 1))
        assert call.machine.carrier == "keypoints"
    assert stays == pytest.approx([1.5, 3, 6, 12, 24, 48, 60, 60], abs=0.15)


@pytest.mark.parametrize("seen", [{"face": False}, {"psnr_db": LOW}])
def test_what_is_watched_after_much_work_does_not_wait_as_long_as_the_work(seen: dict[str, Any]) -> None:
    call = Call().see(1.0)
    for _ in range(7):
        call.machine.see_overload(call.now_s)
        call.until_change()
    call.until_change(**seen)
    assert call.until_change() == pytest.approx(RULES.longest_stay_s, abs=0.15)


@pytest.mark.parametrize("requested", ["keypoints", "h264", "compare"])
def test_a_fixed_mode_bears_any_load(requested: RequestedMode) -> None:
    assert not Call(requested).machine.see_overload(1000.0)
