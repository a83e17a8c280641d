"""Stage 1, capture (from a file): what becomes of odd sizes, and of files that are no clips."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.clips.clip import Clip, load_clip, resampled, square, to_and_fro, write_clip
from benchmarks.errors import ClipError


def test_the_centre_square_is_cut_and_averaged() -> None:
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, 2:6] = [[[0] * 3, [40] * 3, [100] * 3, [200] * 3]] * 4
    np.testing.assert_array_equal(square(image, size=2)[:, :, 0], [[20, 150], [20, 150]])


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    np.testing.assert_array_equal(square(image, size=5), image[:, 1:6])


@pytest.mark.parametrize(("height", "width"), [(96, 128), (130, 62), (64, 64)])
def test_any_shape_becomes_a_square(write_video, height: int, width: int) -> None:
    clip = load_clip(write_video(height=height, width=width), size=64, seconds=10)
    assert clip.pictures.shape == (6, 64, 64, 3)
    assert clip.fps == 25
    assert clip.name == "clip"


def test_only_the_first_seconds_are_read(write_video) -> None:
    clip = load_clip(write_video(frames=12), size=32, seconds=0.2)
    assert len(clip.pictures) == 5
    assert clip.seconds == pytest.approx(0.2)


def test_one_frame_is_not_a_clip(write_video) -> None:
    with pytest.raises(ClipError, match="1 frames, at least 2"):
        load_clip(write_video(frames=1), size=32, seconds=1)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(ClipError, match=r"notes\.mp4"):
        load_clip(path, size=32, seconds=1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"gone\.mp4: no such file"):
        load_clip(tmp_path / "gone.mp4", size=32, seconds=1)


def test_a_truncated_file_is_named(write_video, tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    data = write_video().read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ClipError, match=r"half\.mp4"):
        load_clip(path, size=32, seconds=1)


def test_a_clip_is_resampled_at_its_own_pace_and_loops_without_a_jump(clip: Clip, tmp_path: Path) -> None:
    faster = resampled(clip, fps=30)
    assert len(faster.pictures) == 18
    assert (faster.pictures[6] == clip.pictures[5]).all()
    assert (resampled(clip, fps=12.5).pictures == clip.pictures[::2]).all()
    looped = to_and_fro(clip)
    assert len(looped.pictures) == 28
    assert (looped.pictures[-1] == clip.pictures[1]).all()
    write_clip(faster, tmp_path / "faster.mp4")
    back = load_clip(tmp_path / "faster.mp4", size=256, seconds=9)
    assert (back.fps, len(back.pictures)) == (30, 18)
