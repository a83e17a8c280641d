"""An old picture does not pass for a new one: the window dims it and says why, until there is a new one."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pygame
import pytest

from receiver.destinations import Destinations
from receiver.outputs.output import NullOutput
from receiver.outputs.overlay import HELD_WORDS, Status
from receiver.outputs.window import DIMMED, _View
from receiver.picture import Picture

VECTORS = Path(__file__).parents[2] / "vectors"
SIZE = (320, 240)
SEEN = (160, 120)  # at which drawings are compared: what is left of how a font is smoothed does not count


def ramp() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture without edges. # (96, 96, 3)"""
    y, x = np.mgrid[:96, :96]
    return np.stack([80 + x, 80 + y, 190 - (x + y) // 2], axis=2).astype(np.uint8)


def drawn(status: Status) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What the window shows, without the line that it begins with. # (240, 320, 3)"""
    pygame.font.init()
    surface, view = pygame.Surface(SIZE), _View(pygame)
    view._news_until_s = 0.0
    newest: Any = SimpleNamespace(image_rgb=ramp(), own_rgb=None, words=status.words(), label="reconstructed")
    view.draw(surface, newest)
    pixels = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8)
    return pixels.reshape(SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize("held", [True, False], ids=["held", "new"])
def test_the_drawing_is_as_it_was_looked_at(held: bool) -> None:
    status = Status(held=held, figures="keypoints  7.8 kbps\n25 fps")
    seen = cv2.resize(drawn(status), SEEN, interpolation=cv2.INTER_AREA)
    kept = cv2.imread(str(VECTORS / f"window_{'held' if held else 'new'}.png"))[:, :, ::-1]
    assert np.abs(seen.astype(int) - kept).mean() < 2.0


def test_all_of_an_old_picture_is_dimmed_and_the_words_are_not() -> None:
    old, new = drawn(Status(held=True)), drawn(Status())
    beside = np.s_[60:90, 100:220]  # words are in the middle and in corners
    assert np.allclose(old[beside], new[beside] * DIMMED, atol=2)
    assert old[105:135].max() > 200
    assert new[105:135].max() < 200


class Told(NullOutput):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[bool] = []

    def tell(self, status: Status) -> None:
        self.held.append(status.held)


def test_a_picture_is_marked_while_nothing_newer_comes() -> None:
    destinations, told = Destinations(), Told()
    destinations._output = told
    picture = Picture("keypoints", 0, 0, ramp())
    destinations.hold(True, 1.2)
    assert told.held == []  # there is no picture yet
    destinations.show(picture)
    destinations.hold(True, 1.2)
    destinations.show(picture)
    destinations.hold(False, 2.0)
    assert told.held == [True, False]
    assert Status(held=True).words()["held"] == HELD_WORDS
    assert Status().words()["held"] == ""
