"""Tests of the face follower: it stays put while it can, moves smoothly else, and says when the face is gone."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from codec.pictures.crop import centre_crop
from codec.pictures.face import FaceBox, crop_for_face
from sender.crop.face import FaceFollower, Followed
from sender.crop.face_search import Looks

HEIGHT, WIDTH = 480, 640
FRAME = 3600  # 25 fps


def box(x: float = 300, y: float = 200, size: float = 100) -> FaceBox:
    return FaceBox(x - size / 2, y - size / 2, size, size, 5.0)


class Scene:
    """A follower and the pictures it is shown."""

    def __init__(
        self, fakes: Any, found: FaceBox | None, *, placement: Any = "face", shape: Any = (HEIGHT, WIDTH)
    ) -> None:
        self.finder = fakes.Finder(found)
        self.follower = FaceFollower(self.finder, placement=placement)
        self.image = np.zeros((*shape, 3), np.uint8)
        self.pts = 0

    def show(self, frames: int, *, step: int = FRAME, every: float = 1.0) -> list[Followed]:
        out = []
        for _ in range(frames):
            out.append(self.follower.follow(self.image, pts=self.pts, every=every))
            self.pts += step
        return out


def test_the_first_face_is_cropped_at_once(fakes: Any) -> None:
    (followed,) = Scene(fakes, box()).show(1)
    assert followed.found
    assert followed.crop == crop_for_face(box(), HEIGHT, WIDTH)


def test_looks_are_told_of_the_face_that_is_followed_until_it_is_lost(fakes: Any) -> None:
    scene = Scene(fakes, box())
    scene.show(1)
    assert scene.finder.near is None
    scene.show(6)
    assert scene.finder.near == box()
    scene.finder.box = None
    scene.show(20)
    assert scene.finder.near is None, "any face may be the next"


def test_a_face_that_moves_a_little_leaves_the_crop_alone(fakes: Any) -> None:
    scene = Scene(fakes, box())
    (first,) = scene.show(1)
    for shift in (-20, 15, 8, -12):
        scene.finder.box = box(300 + shift, 200 - shift / 2, 100 + shift)
        assert all(followed.crop == first.crop for followed in scene.show(10))


def test_a_face_that_moves_far_is_followed_smoothly_and_the_crop_rests_again(fakes: Any) -> None:
    scene = Scene(fakes, box())
    scene.show(10)
    scene.finder.box = box(420, 240, 100)
    seen = scene.show(50)
    positions = [followed.crop.cx for followed in seen]
    steps = [after - before for before, after in pairwise(positions)]
    assert all(0 <= step < 30 for step in steps)
    assert positions[-1] == pytest.approx(420, abs=6)
    assert len({followed.crop for followed in seen[-20:]}) == 1


def test_a_crop_on_its_way_stays_inside_the_picture(fakes: Any) -> None:
    scene = Scene(fakes, box(120, 120, 100))
    scene.show(5)
    scene.finder.box = box(590, 430, 180)
    for followed in scene.show(60):
        crop = followed.crop
        assert crop.side / 2 <= crop.cx <= WIDTH - crop.side / 2
        assert crop.side / 2 <= crop.cy <= HEIGHT - crop.side / 2


def test_it_looks_now_and_then_and_in_each_picture_once_it_misses(fakes: Any) -> None:
    scene = Scene(fakes, box())
    scene.show(25)
    assert scene.finder.looks == 5
    scene.finder.box = None
    scene.show(25)
    assert scene.finder.looks >= 5 + 20


@pytest.mark.parametrize(("every", "looks"), [(1, 10), (2, 5), (3, 4)])
def test_where_pictures_are_left_out_for_want_of_time_so_are_looks(fakes: Any, every: int, looks: int) -> None:
    scene = Scene(fakes, box())
    scene.show(50 // every, step=every * FRAME, every=every)
    assert scene.finder.looks == looks
    scene.finder.box = None
    scene.show(15, step=every * FRAME, every=every)
    assert scene.finder.looks >= looks + 10, "but not where the face is missed"


def test_at_few_pictures_a_second_it_looks_in_each(fakes: Any) -> None:
    scene = Scene(fakes, box())
    scene.show(10, step=22_500)
    assert scene.finder.looks == 10


@pytest.mark.parametrize("step", [1500, 3600, 9000, 18_000])
def test_a_lost_face_is_told_after_a_little_patience(fakes: Any, step: int) -> None:
    scene = Scene(fakes, box())
    scene.show(30, step=step)
    scene.finder.box = None
    start = scene.pts
    while scene.show(1, step=step)[0].found:
        assert scene.pts - start < 0.6 * 90_000
    scene.finder.box = box()
    assert scene.show(1)[0].found


def test_one_miss_is_forgiven_even_at_few_pictures_a_second(fakes: Any) -> None:
    scene = Scene(fakes, box())
    scene.show(5, step=45_000)
    scene.finder.box = None
    assert scene.show(1, step=45_000)[0].found
    assert not scene.show(1, step=45_000)[0].found


def test_never_a_face_is_not_found_from_the_start_and_shows_the_middle(fakes: Any) -> None:
    (followed,) = Scene(fakes, None).show(1)
    assert not followed.found
    assert followed.crop == centre_crop(HEIGHT, WIDTH)


def test_a_crop_without_a_face_stays_for_a_while_and_goes_home(fakes: Any) -> None:
    scene = Scene(fakes, box())
    (first,) = scene.show(1)
    scene.finder.box = None
    assert all(followed.crop == first.crop for followed in scene.show(70))
    *_, before, last = scene.show(100)
    home = centre_crop(HEIGHT, WIDTH)
    assert last.crop.side == pytest.approx(home.side, rel=0.05)
    assert last.crop.cx == pytest.approx(home.cx, abs=12)
    assert last.crop == before.crop


def test_a_square_picture_is_taken_whole_unless_the_face_is_asked_for(fakes: Any) -> None:
    whole = Scene(fakes, box(100, 100), placement="auto", shape=(256, 256)).show(30)[-1]
    assert whole.crop == centre_crop(256, 256)
    assert whole.found
    face = Scene(fakes, box(100, 100), placement="face", shape=(256, 256)).show(1)[0]
    assert face.crop == crop_for_face(box(100, 100), 256, 256)
    centre = Scene(fakes, box(100, 100), placement="centre").show(30)[-1]
    assert centre.crop == centre_crop(HEIGHT, WIDTH)


def test_a_picture_of_another_shape_starts_anew(fakes: Any) -> None:
    scene = Scene(fakes, box())
    scene.show(3)
    scene.image = np.zeros((100, 140, 3), np.uint8)
    scene.finder.box = None
    (followed,) = scene.show(1)
    assert followed.crop == centre_crop(100, 140)
    assert not followed.found


def test_nobody_looks_for_a_face_that_neither_the_crop_nor_the_mode_needs(fakes: Any) -> None:
    finder = fakes.Finder(None)
    follower = FaceFollower(finder, placement="centre", reports=False)
    followed = follower.follow(np.zeros((4, 9, 3), np.uint8), pts=0)
    assert followed.found
    assert followed.crop == centre_crop(4, 9)
    assert finder.looks == 0


def test_what_a_look_finds_counts_once_it_is_done(fakes: Any) -> None:
    class Thread(Executor):
        """Does nothing by itself."""

        def __init__(self) -> None:
            self.jobs: list[Callable[[], None]] = []

        def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
            done: Future[Any] = Future()
            self.jobs.append(lambda: done.set_result(fn(*arguments, **more)))
            return done

    thread, finder = Thread(), fakes.Finder(box())
    follower = FaceFollower(finder, placement="face", looks=Looks(thread))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    first = follower.follow(image, pts=0)
    assert (first.crop, thread.jobs) == (crop_for_face(box(), HEIGHT, WIDTH), [])
    finder.box = box(420, 240, 100)
    for number in range(1, 11):
        assert follower.follow(image, pts=number * FRAME).crop == first.crop
    assert len(thread.jobs) == 1, "one look at a time"
    thread.jobs.pop()()
    assert follower.follow(image, pts=11 * FRAME).crop.cx > first.crop.cx
    assert len(thread.jobs) == 1, "a crop on its way is looked after in each picture"
    small = follower.follow(np.zeros((64, 80, 3), np.uint8), pts=12 * FRAME)
    assert small.crop.side <= 64, "a picture of another shape waits for its own look"
    thread.jobs.pop()()
    assert follower.follow(np.zeros((64, 80, 3), np.uint8), pts=13 * FRAME).crop == small.crop
