"""One continuous picture out of two."""

from itertools import pairwise

from receiver.selection import Selection

STALL = 700


def test_the_first_picture_of_either_kind_is_shown() -> None:
    selection = Selection(stall_us=STALL)
    assert selection.offer("h264", now_us=0)
    assert selection.offer("keypoints", now_us=10)
    assert not selection.offer("h264", now_us=40)
    assert selection.showing == "keypoints"


def test_a_switch_waits_for_the_new_kind() -> None:
    selection = Selection(stall_us=STALL)
    assert selection.offer("keypoints", now_us=0)
    selection.mode = "h264"
    assert selection.offer("keypoints", now_us=40)
    assert selection.offer("h264", now_us=80)
    assert not selection.offer("keypoints", now_us=120)
    assert not selection.wants("keypoints", now_us=120)
    selection.mode = "keypoints"
    assert selection.offer("h264", now_us=900)  # keypoints last came at 120
    assert selection.offer("keypoints", now_us=940)
    assert not selection.offer("h264", now_us=960)


def test_compare_shows_keypoints_and_h264_takes_over_when_they_stop() -> None:
    selection = Selection(stall_us=STALL)
    selection.mode = "compare"
    shown = []
    for now_us in range(0, 4000, 40):
        if not 1000 <= now_us < 3000 and selection.offer("keypoints", now_us=now_us):
            shown.append((now_us, "keypoints"))
        if selection.offer("h264", now_us=now_us):
            shown.append((now_us, "h264"))
    times = [now_us for now_us, _ in shown]
    assert max(b - a for a, b in pairwise(times)) <= STALL + 40 + 40
    assert selection.changes == 2
    assert selection.showing == "keypoints"
