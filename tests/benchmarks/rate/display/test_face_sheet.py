"""Stage 10, display (offline): which codecs and which frames the face sheet shows, and the files it writes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.clips.clip import Clip
from benchmarks.quality.face_mesh import POINTS, Mesh, Square
from benchmarks.quality.faces import Face, FaceNetworks, FoundFaces
from benchmarks.rate.display.face_sheet import (
    STILL_WIDTH,
    STILLS,
    VIDEO_WIDTH,
    shown_codec,
    telling_frames,
    write_face_sheet,
)
from benchmarks.rate.results.rows import RateRow

SIDE = 64


def found_faces(*, mouths: Sequence[float], lids: Sequence[float], faceless: Sequence[int] = ()) -> FoundFaces:
    """A face whose lips and lids are so many pixels apart."""
    faces: list[Face | None] = []
    for index, (mouth, lid) in enumerate(zip(mouths, lids, strict=True)):
        points = np.full((POINTS, 2), SIDE / 2)
        points[[33, 263]] = (20, 28), (44, 28)
        points[14, 1] += mouth
        points[[145, 374], 1] += lid
        faces.append(None if index in faceless else Face(Mesh(Square(0, 0, 1), points, 9.0), None))
    pictures = np.zeros((len(faces), SIDE, SIDE, 3), np.uint8)
    return FoundFaces(cast(FaceNetworks, None), pictures, tuple(faces))


def test_stills_are_the_most_open_mouths_the_most_closed_eyes_and_some_between() -> None:
    mouths, lids = np.ones(100), np.full(100, 4.0)
    mouths[[30, 31, 32, 50, 80]] = 9, 10, 9, 8, 7
    lids[[5, 6, 40, 60]] = 0.5, 0.6, 1, 1
    mouths[31] = 10
    chosen = telling_frames(found_faces(mouths=mouths, lids=lids), fps=25.0)
    assert len(chosen) == STILLS
    assert chosen == sorted(set(chosen))
    assert {31, 50, 80, 5, 40, 60} <= set(chosen)
    assert not {30, 32} & set(chosen)


def test_a_short_clip_gives_all_its_frames_and_a_faceless_one_even_ones() -> None:
    assert telling_frames(found_faces(mouths=[1, 2, 3], lids=[1, 1, 1]), fps=25.0) == [0, 1, 2]
    nobody = found_faces(mouths=[1] * 19, lids=[1] * 19, faceless=range(19))
    assert telling_frames(nobody, fps=25.0) == list(range(0, 19, 2))


@pytest.fixture
def clip() -> Clip:
    return Clip("a", 25.0, np.full((12, SIDE, SIDE, 3), 60, np.uint8))


def painted(clip: Clip, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full_like(clip.pictures, 0) + np.array(colour, np.uint8)


def test_the_sheet_has_the_original_and_the_codecs_below(clip: Clip, row: RateRow, tmp_path: Path) -> None:
    red, green = (255, 0, 0), (0, 255, 0)
    anchor = replace(row, codec="svtav1", setting="crf 60")
    columns = [shown_codec(row, painted(clip, red)), shown_codec(anchor, painted(clip, green))]
    assert (columns[1].title, columns[1].rate) == ("svtav1 crf 60", "7.0 kbps")
    write_face_sheet(tmp_path / "deep", clip, found_faces(mouths=[1] * 12, lids=[1] * 12), columns)
    stills = cv2.imread(str(tmp_path / "deep" / "a.png"))
    assert stills is not None
    assert stills.shape[1] == STILLS * STILL_WIDTH
    bands = np.split(stills, 3)
    middles = [tuple(int(value) for value in band[100, 50, ::-1]) for band in bands]
    assert middles == [(60, 60, 60), red, green]
    with av.open(str(tmp_path / "deep" / "a.mp4")) as video:
        frames = list(video.decode(video=0))
    assert len(frames) == 12
    assert frames[0].width == 3 * VIDEO_WIDTH


def test_without_an_anchor_there_are_two_columns(clip: Clip, row: RateRow, tmp_path: Path) -> None:
    faces = found_faces(mouths=[1] * 12, lids=[1] * 12, faceless=[3, 4])
    write_face_sheet(tmp_path, clip, faces, [shown_codec(row, clip.pictures)])
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert next(video.decode(video=0)).width == 2 * VIDEO_WIDTH
