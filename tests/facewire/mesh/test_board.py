"""Tiles: where each stands, the frame of who speaks, and what a board shows when."""

import asyncio

import numpy as np
import pytest

from facewire.mesh.board import Board
from facewire.mesh.tiles import Tile, draw, leaves_a_place
from receiver.picture import Picture

SIDE = 64


def shade(value: int, *, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def centres(image: np.ndarray, *places: tuple[int, int]) -> list[int]:
    """What is in the middle of the squares that begin at these places, in sides."""
    return [int(image[int((y + 0.5) * SIDE), int((x + 0.5) * SIDE), 0]) for y, x in places]


@pytest.mark.parametrize(
    ("count", "shape", "places"),
    [
        (1, (1, 1), [(0, 0)]),
        (2, (1, 2), [(0, 0), (0, 1)]),
        (3, (2, 2), [(0, 0), (0, 1), (1, 0)]),
        (4, (2, 2), [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (5, (2, 3), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]),
    ],
)
def test_each_has_a_square_of_its_own(count: int, shape: tuple[int, int], places: list[tuple[int, int]]) -> None:
    shades = [100 + 20 * number for number in range(count)]
    image = draw([Tile(shade(value)) for value in shades], side=SIDE)
    assert image.shape == (shape[0] * SIDE, shape[1] * SIDE, 3)
    assert centres(image, *places) == shades
    assert leaves_a_place(count) == (count in (3, 5))


def test_the_speaker_has_a_frame_and_nobody_else() -> None:
    image = draw([Tile(shade(100)), Tile(shade(100), speaks=True)], side=SIDE)
    left, right = image[:, :SIDE], image[:, SIDE:]
    for row, column in ((2, SIDE // 2), (SIDE - 3, SIDE // 2), (SIDE // 2, 2), (SIDE // 2, SIDE - 3)):
        assert set(left[row, column]) == {100}
        green = right[row, column]
        assert green[1] > green[0]
        assert green[1] > green[2]


def test_pictures_of_any_size_are_fitted_and_a_place_without_one_says_so() -> None:
    image = draw([Tile(shade(200, height=30, width=90)), Tile(None)], side=SIDE)
    assert centres(image, (0, 0)) == [200]
    assert image[SIDE // 8, SIDE // 2, 0] == 0  # black above and below
    empty = image[4 : SIDE - 4, SIDE + 4 : 2 * SIDE - 4]
    assert empty.max() > 90  # words
    assert np.median(empty) < 60


class Stage:
    """A board, what it shows, and how loud each end is."""

    def __init__(self) -> None:
        self.shown: asyncio.Queue[Picture] = asyncio.Queue()
        self.levels_db: dict[str, float] = {}
        self.laid_out: list[bool] = []
        self.held: list[bool] = []
        self.board = Board(
            self.shown.put_nowait,
            levels_db=lambda: self.levels_db,
            side=SIDE,
            hold=self.held.append,
            laid_out=self.laid_out.append,
        )

    def take(self, name: str, value: int, kind: str = "keypoints") -> Picture:
        picture = Picture(kind, pts=value, shown_us=value, source=shade(value))  # type: ignore[arg-type]
        self.board.take(name, picture)
        return picture


@pytest.fixture
async def stage():
    stage = Stage()
    running = asyncio.create_task(stage.board.run())
    yield stage
    running.cancel()
    await asyncio.wait([running])


async def test_one_end_alone_is_shown_as_it_comes(stage: Stage) -> None:
    stage.board.enter("a", at=2)
    pictures = [stage.take("a", value) for value in (50, 60)]
    assert [stage.shown.get_nowait() for _ in pictures] == pictures
    stage.take("nobody", 70)
    assert stage.shown.empty()


async def test_several_are_shown_together_whoever_has_changed(stage: Stage) -> None:
    stage.board.enter("a", at=2)
    stage.take("a", 50)
    await stage.shown.get()
    stage.board.enter("b", at=3)
    first = await stage.shown.get()
    assert centres(first.rgb(), (0, 0)) == [50]
    stage.take("b", 90, kind="h264")
    second = await stage.shown.get()
    assert (second.kind, second.pts) == ("keypoints", 90)
    assert centres(second.rgb(), (0, 0), (0, 1)) == [50, 90]
    stage.take("a", 55, kind="h264")
    assert (await stage.shown.get()).kind == "h264"
    stage.board.leave("a")
    alone = await stage.shown.get()
    assert alone.rgb().shape == (SIDE, SIDE, 3)
    assert centres(alone.rgb(), (0, 0)) == [90]


async def test_an_end_that_comes_later_may_stand_before_others(stage: Stage) -> None:
    stage.board.enter("b", at=2)
    stage.board.enter("a", at=1)
    stage.take("b", 90)
    stage.take("a", 50)
    assert centres((await stage.shown.get()).rgb(), (0, 0), (0, 1)) == [50, 90]


async def test_who_speaks_is_marked_without_a_new_picture(stage: Stage) -> None:
    stage.board.enter("a", at=1)
    stage.board.enter("b", at=2)
    stage.take("a", 50)
    stage.levels_db = {"a": -80.0, "b": -20.0}
    while (await stage.shown.get()).rgb()[2, SIDE + SIDE // 2, 1] < 150:
        pass
    assert stage.board.speaker == "b"


async def test_an_old_picture_is_dimmed_in_its_tile_or_told_of_where_it_is_alone(stage: Stage) -> None:
    stage.board.enter("a", at=1)
    stage.board.enter("b", at=2)
    stage.take("a", 200)
    stage.take("b", 200)
    await stage.shown.get()
    stage.board.hold("a", True)
    dimmed = (await stage.shown.get()).rgb()
    assert np.median(dimmed[:, :SIDE]) == 80
    assert np.median(dimmed[:, SIDE:]) == 200
    assert stage.held == []
    stage.board.leave("b")
    await stage.shown.get()
    assert stage.held == [True]
    stage.take("a", 210)
    stage.board.hold("a", True)
    assert stage.held == [True, True]


async def test_a_place_that_is_left_over_is_told_of(stage: Stage) -> None:
    for name in "abcc":
        stage.board.enter(name, at=1)
    for name in "cc":
        stage.board.leave(name)
    assert stage.laid_out == [False, False, True, False]


async def test_pictures_that_come_faster_than_they_are_shown_give_way_to_newer_ones(stage: Stage) -> None:
    stage.board.enter("a", at=1)
    stage.board.enter("b", at=2)
    for value in range(100, 200):
        stage.take("a", value)
    assert centres((await stage.shown.get()).rgb(), (0, 0)) == [199]
    assert stage.shown.empty()
