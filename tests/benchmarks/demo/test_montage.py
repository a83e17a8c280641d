"""Stage 10, display (of a demo): recordings lined up by their time stamps, what is burnt in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.demo.montage import Column, Recording, read_recording, write_montage
from codec.pictures.psnr import psnr_db
from codec.pictures.video import VideoWriter

Record = Callable[..., Recording]
STEP = 3600


def test_a_recording_shows_the_newest_picture_that_is_not_later(record: Record) -> None:
    made = record(3, start=STEP)
    assert made.at(0) is None
    assert made.at(STEP) is made.pictures[0]
    assert made.at(2 * STEP - 1) is made.pictures[0]
    assert made.at(100 * STEP) is made.pictures[2]


def test_rounded_time_stamps_snap_to_the_originals() -> None:
    original = (0, 3000, 6000, 9000)
    rounded = Recording((2970, 6030, 9090), tuple(np.full((2, 2, 3), value, np.uint8) for value in (1, 2, 3)))
    snapped = rounded.snapped(original)
    assert snapped.pts == (3000, 6000, 9000)
    assert snapped.at(6000) is rounded.pictures[1]
    assert Recording().snapped(original) == Recording()


def test_recordings_come_back_as_they_were_written(record: Record, tmp_path: Path) -> None:
    made = record(4, start=5 * STEP)
    with VideoWriter(tmp_path / "a.mkv") as writer:
        for pts, picture in zip(made.pts, made.pictures, strict=True):
            writer.write(picture, pts=pts)
    back = read_recording(tmp_path / "a.mkv")
    assert back.pts == made.pts
    assert all((a == b).all() for a, b in zip(back.pictures, made.pictures, strict=True))
    assert read_recording(tmp_path / "none.mkv") == Recording()


def test_psnr_is_capped_and_exact() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(black, black) == 100
    assert psnr_db(black, black + 255) == 0


def test_the_label_is_in_the_picture(tmp_path: Path) -> None:
    made = Recording((0, STEP), (np.full((32, 32, 3), 128, np.uint8),) * 2)
    for name, label in (("a", ""), ("b", "reconstructed")):
        list(write_montage(tmp_path / f"{name}.mp4", [Column("x", made, label=label)]))
    corner = [read_recording(tmp_path / f"{name}.mp4").pictures[0][-40:, :150].std() for name in "ab"]
    assert corner[0] < 3 < corner[1]
