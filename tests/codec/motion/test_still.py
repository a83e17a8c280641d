"""Still places: what looks alike in all references stays where it is, unless something else comes from elsewhere."""

import numpy as np

from codec.motion.face_box import FaceBox
from codec.motion.parameters import FLOW_SIZE
from codec.motion.still import held_share, still_places, without_still_places
from codec.units import Floats, Image

SIDE = 256
CELL = SIDE // FLOW_SIZE


def scene(head: int) -> Image:
    """A textured wall, and before it a square that begins at this column."""
    wall = np.random.default_rng(5).integers(60, 200, (SIDE, SIDE, 3), dtype=np.uint8)
    wall[80:160, head : head + 64] = (220, 170, 140)
    return wall


def flow(x_cells: float) -> Floats:
    """All of the picture comes from so many cells to the right."""
    field = np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32)
    field[..., 0] = x_cells * 2 / FLOW_SIZE
    return field


def places(*heads: int) -> Floats:
    newest, *before = (scene(head) for head in heads)
    still = still_places(newest, before, face=face(heads[0]))
    assert still is not None
    return still


def face(head: int) -> FaceBox:
    """The box of a face in the middle of the square's upper part, 48 pixels wide."""
    return FaceBox(x=(head + 32) // 2, y=120 // 2, side=11, turn=0)


def test_one_reference_says_nothing() -> None:
    assert still_places(scene(100), [], face=face(100)) is None
    assert still_places(scene(100), [scene(40)], face=None) is None
    field = flow(3)
    assert without_still_places(field, None) is field


def test_the_wall_is_still_and_where_the_head_was_in_any_of_them_is_not() -> None:
    still = places(140, 40, 100)
    assert (still[:16] == 1).all()
    assert (still[44:] == 1).all()
    for head in (40, 100, 140):
        row = still[24:36, (head + 8) // CELL : (head + 56) // CELL]
        assert (row == 0).mean() > 0.9, f"the head was at {head}"


def test_coding_noise_does_not_move_the_wall() -> None:
    noise = np.random.default_rng(6).integers(-4, 5, (SIDE, SIDE, 3))
    noisy = np.clip(scene(100) + noise, 0, 255).astype(np.uint8)
    still = still_places(noisy, [scene(100)], face=face(100))
    assert still is not None
    assert still[:16].min() == 1
    assert still[44:].min() == 1


def test_a_face_is_never_still() -> None:
    still = still_places(scene(100), [scene(100)], face=face(100))
    assert still is not None
    assert not still[27:33, 30:36].any()


def test_the_wall_does_not_move_with_the_head() -> None:
    still = places(100, 40)
    moved = without_still_places(flow(4), still)
    assert not moved[:14].any()
    np.testing.assert_array_equal(moved[24:36, 28:36], flow(4)[24:36, 28:36])


def test_the_head_comes_over_the_wall() -> None:
    """A place of the wall that shows the head now takes it from where the head is, and that is not still."""
    still = places(100, 60)
    before_it = 120 // CELL, 132 // CELL - 22
    field = flow(22)
    assert still[before_it] == 1
    assert held_share(field, still)[before_it] == 0
    assert without_still_places(field, still)[before_it][0] == field[before_it][0]


def test_moves_out_of_the_picture_are_taken_from_its_border() -> None:
    still = np.ones((FLOW_SIZE, FLOW_SIZE), np.float32)
    assert not without_still_places(flow(500), still).any()
