"""Turned and mirrored videos are upright for each reader and for tracks, as their display matrix has it."""

import gc
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from codec.input import orientation
from codec.input.orientation import UPRIGHT, orientation_of
from sender.capture import Picture, TrackSource

MATRICES = [
    (0, one, other, 0) if across else (one, 0, 0, other)
    for across, one, other in itertools.product((False, True), (1, -1), (1, -1))
]


def lay_out(image: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Each pixel (column p, row q) moved to (a p + c q, b p + d q), all into view: ISO/IEC 14496-12, 8.3.2."""
    a, b, c, d = matrix
    rows, columns = np.indices(image.shape[:2])
    x, y = a * columns + c * rows, b * columns + d * rows
    x, y = x - x.min(), y - y.min()
    out = np.empty((y.max() + 1, x.max() + 1, 3), np.uint8)
    out[y, x] = image
    return out


@pytest.mark.parametrize("matrix", MATRICES)
def test_every_reader_shows_it_upright(
    make: Any, turn: Any, picture: Any, reads: Any, alike: Any, matrix: tuple[int, int, int, int]
) -> None:
    stored = picture(64, 96)
    path = turn(make("a.mp4", [stored, stored]), matrix)
    for image, _ in reads(path):
        alike(image, lay_out(stored, matrix), within=3)


class Track(MediaStreamTrack):
    """Gives frames as they are decoded, as a player's track does."""

    kind = "video"

    def __init__(self, frames: list[av.VideoFrame]) -> None:
        super().__init__()
        self._frames = frames

    async def recv(self) -> av.VideoFrame:
        if not self._frames:
            raise MediaStreamError
        return self._frames.pop(0)


@pytest.mark.parametrize("matrix", MATRICES)
async def test_frames_of_a_track_are_upright(
    make: Callable[..., Path], turn: Any, picture: Any, alike: Any, matrix: tuple[int, int, int, int]
) -> None:
    stored = picture(64, 96)
    with av.open(str(turn(make("a.mp4", [stored, stored]), matrix))) as container:
        frames = list(container.decode(video=0))
    pictures: list[Picture] = []
    await TrackSource(Track(frames)).run(pictures.append)
    assert len(pictures) == 2
    alike(pictures[1].image_rgb, lay_out(stored, matrix), within=3)


def test_another_angle_is_taken_for_the_nearest_quarter(
    make: Any, turn: Any, picture: Any, alike: Any, reads: Any
) -> None:
    stored = picture(64, 96)
    path = turn(make("a.mp4", [stored, stored]), (math.cos(1.4), math.sin(1.4), -math.sin(1.4), math.cos(1.4)))
    alike(reads(path)[0][0], lay_out(stored, (0, 1, -1, 0)), within=3)


def test_a_frame_with_side_data_that_pyav_cannot_name_is_turned_all_the_same(
    picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyAV lists a frame's side data or raises ValueError, where FFmpeg knows more kinds than it does."""

    def refuse(frame: Any) -> Any:
        raise ValueError("38 is not a valid Type")

    monkeypatch.setattr(orientation, "SideDataContainer", refuse)
    frame: Any = SimpleNamespace(rotation=0)
    assert orientation_of(frame) == UPRIGHT
    stored = picture(8, 12)
    for turns in (1, 2, 3, -1, -2):
        frame.rotation = 90 * turns
        assert np.array_equal(orientation_of(frame).apply(stored), np.rot90(stored, turns))


def test_a_frame_that_was_converted_goes_with_its_last_name(make: Any, turn: Any, picture: Any) -> None:
    """One that only the collector of garbage frees stays for minutes: a call grew by 12 MB in each."""
    path: Path = turn(make("a.mp4", [picture(64, 96)] * 8), (0, 1, -1, 0))
    collects, debug = gc.isenabled(), gc.get_debug()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        with av.open(str(path)) as container:
            turned = [orientation_of(frame) for frame in container.decode(video=0)]
        gc.collect()
        left = [thing for thing in gc.garbage if isinstance(thing, av.VideoFrame)]
    finally:
        gc.set_debug(debug)
        gc.garbage.clear()
        if collects:
            gc.enable()
    assert turned == [turned[0]] * 8
    assert turned[0] != UPRIGHT
    assert left == []
