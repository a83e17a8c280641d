"""When pictures of H.264 are shown, with a clock of numbers: with the sound of their moment, where some is heard."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from receiver.control import Control
from receiver.motion.playout import Playout
from receiver.outlet import Outlet
from receiver.picture import MAX_WAITING_BYTES, Picture
from receiver.showing import LONGEST_HELD_US, InStep, Showing
from receiver.sound import SoundPlayout

IMAGE = np.zeros((2, 2, 3), np.uint8)
STEP, STEP_US = 3600, 40_000  # 25 fps


def picture(index: int, *, decoded_us: int) -> Picture:
    return Picture("h264", index * STEP, decoded_us, IMAGE)


def taken(pictures: InStep, *, now_us: int) -> list[int]:
    indices = []
    while (one := pictures.take(now_us=now_us)) is not None:
        indices.append(one.pts // STEP)
    return indices


def in_step(count: int, *, offset_us: int | None) -> InStep:
    """Pictures of one moment each, decoded as soon as they were captured."""
    pictures = InStep()
    pictures.follow(offset_us)
    for index in range(count):
        pictures.add(picture(index, decoded_us=index * STEP_US))
    return pictures


def test_pictures_wait_for_their_time_stamps_and_the_offset() -> None:
    pictures = in_step(3, offset_us=300_000)
    assert pictures.due_us == 300_000
    assert taken(pictures, now_us=299_999) == []
    assert taken(pictures, now_us=300_000) == [0]
    assert pictures.due_us == 340_000


def test_without_sound_pictures_are_due_when_they_are_decoded() -> None:
    pictures = in_step(2, offset_us=None)
    assert taken(pictures, now_us=0) == [0]
    assert taken(pictures, now_us=STEP_US) == [1]


def test_sound_that_ends_lets_go_of_what_waits() -> None:
    pictures = in_step(3, offset_us=500_000)
    assert taken(pictures, now_us=100_000) == []
    pictures.follow(None)
    assert taken(pictures, now_us=100_000) == [0, 1, 2]


def test_sound_that_comes_later_moves_what_waits() -> None:
    pictures = in_step(2, offset_us=500_000)
    pictures.follow(200_000)
    assert taken(pictures, now_us=200_000) == [0]


@pytest.mark.parametrize(("offset_us", "due_us"), [(LONGEST_HELD_US, LONGEST_HELD_US), (LONGEST_HELD_US + 1, 0)])
def test_an_offset_of_another_time_line_holds_nothing(offset_us: int, due_us: int) -> None:
    assert in_step(1, offset_us=offset_us).due_us == due_us


def test_late_pictures_all_come_in_their_order() -> None:
    pictures = in_step(10, offset_us=100_000)
    assert taken(pictures, now_us=10_000_000) == list(range(10))
    assert pictures.due_us is None


def test_the_oldest_give_way_where_too_many_wait_and_are_counted() -> None:
    pictures = in_step(70, offset_us=900_000)
    assert pictures.dropped == 6
    assert taken(pictures, now_us=100_000_000) == list(range(6, 70))


@pytest.mark.parametrize(
    ("height", "width", "waits_us"), [(1080, 1920, 900_000), (1080, 1920, 450_000), (720, 1280, 1_000_000)]
)
def test_large_pictures_that_wait_long_are_thinned_out_evenly_and_all_that_are_kept_are_shown(
    height: int, width: int, waits_us: int
) -> None:
    large = np.zeros((height, width, 3), np.uint8)  # all of them share it, which nobody counts
    pictures, shown = InStep(), list[int]()
    pictures.follow(waits_us)
    for index in range(150):
        pictures.add(Picture("h264", index * STEP, index * STEP_US, large))
        while (one := pictures.take(now_us=index * STEP_US)) is not None:
            shown.append(one.pts // STEP)
    fits = MAX_WAITING_BYTES // large.nbytes
    apart = set(np.diff(shown[2:]).tolist())
    assert len(apart) == 1
    assert apart.pop() <= np.ceil(waits_us / STEP_US / (fits - 1))
    assert shown[0] == 0
    assert 150 - shown[-1] <= waits_us // STEP_US + 4


def test_large_pictures_that_wait_briefly_are_all_shown() -> None:
    large = np.zeros((1080, 1920, 3), np.uint8)
    pictures, shown = InStep(), list[int]()
    pictures.follow(300_000)
    for index in range(50):
        pictures.add(Picture("h264", index * STEP, index * STEP_US, large))
        shown += taken(pictures, now_us=index * STEP_US)
    assert pictures.dropped == 0
    assert shown == list(range(len(shown)))
    assert len(shown) >= 42


@dataclass
class Call:
    """A receiver's clock, what its sound says, and what is handed out at which time."""

    origin_us: int | None = 0
    h264_origin: int | None = 10 * STEP
    offset_us: int | None = 250_000
    now_us: int = 1_000_000
    shown: list[tuple[int, int]] = field(default_factory=list)
    untimed: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)

    def showing(self) -> Showing:
        return Showing(
            cast(Outlet, self),
            cast(Control, self),
            playout=Playout[Any](),
            sound=cast(SoundPlayout, self),
            now_us=lambda: self.now_us,
        )

    @property
    def pts_origin_us(self) -> int | None:
        return self.origin_us

    def pictured(self, kind: str) -> None:
        assert kind == "h264"

    def wait_for(self, offset_us: float | None, *, pts_origin_us: int) -> None:
        assert (offset_us, pts_origin_us) == (None, self.origin_us)

    def picture_offset_us(self, pts_origin_us: int, *, now_us: int) -> int | None:
        return self.offset_us

    def deliver(self, picture: Picture) -> None:
        self.shown.append((picture.pts // STEP, picture.shown_us))

    def show_untimed(self, picture: Picture) -> None:
        self.untimed.append(picture.pts // STEP)

    def settle_untimed(self, origin: int) -> None:
        self.settled.append(origin // STEP)


def test_h264_is_shown_when_its_sound_is_heard() -> None:
    call = Call()
    showing = call.showing()
    call.now_us = 50 * STEP_US
    showing.add_h264(40 * STEP, IMAGE)  # the sender's picture 50
    assert call.shown == []
    assert showing.due_us == 50 * STEP_US + 250_000
    call.now_us = 50 * STEP_US + 250_000
    showing.show_due()
    assert call.shown == [(50, call.now_us)]


def test_h264_without_sound_is_shown_as_it_comes() -> None:
    call = Call(offset_us=None)
    call.showing().add_h264(0, IMAGE)
    assert call.shown == [(10, call.now_us)]
    assert call.settled == [10]


def test_h264_before_its_origin_is_told_is_shown_untimed() -> None:
    call = Call(h264_origin=None)
    call.showing().add_h264(3 * STEP, IMAGE)
    assert (call.shown, call.untimed) == ([], [3])


def test_at_the_end_nothing_is_held_back() -> None:
    call = Call(now_us=50 * STEP_US)
    showing = call.showing()
    for index in (40, 41):
        showing.add_h264(index * STEP, IMAGE)
    showing.finish()
    assert [index for index, _ in call.shown] == [50, 51]
    assert showing.due_us is None
    assert showing.dropped["h264"] == 0
