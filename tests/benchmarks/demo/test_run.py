"""Stages 1 to 10, shown: what goes into the demo's call, and the montage of what came out; no call is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from benchmarks.demo.montage import HEADER, PANEL, Recording, read_recording, write_montage
from benchmarks.demo.options import DemoOptions
from benchmarks.demo.run import columns, prepare
from benchmarks.errors import ClipError
from codec.errors import MediaError

Record = Callable[..., Recording]
STEP = 3600


def test_the_montage_has_a_picture_for_each_original(record: Record, tmp_path: Path, figures: dict[str, Any]) -> None:
    received = {"keypoints": record(4, shade=3), "h264": Recording()}
    path = tmp_path / "demo.mp4"
    counts = list(write_montage(path, columns(record(4), received, figures)))  # type: ignore[arg-type]
    assert counts == [1, 2, 3, 4]
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert "reconstructed" in container.metadata["comment"]
    assert len(frames) == 4
    assert frames[0].shape[0] == HEADER + PANEL
    middle = frames[3][HEADER + 40 : HEADER + 80, PANEL + 50 : PANEL + 90]
    assert abs(float(middle.mean()) - 63) < 4


def test_a_square_clip_goes_in_whole_and_another_is_cut(write_video: Any, tmp_path: Path) -> None:
    square = write_video("square.mp4", frames=6, height=96, width=96)
    original = prepare(DemoOptions(input=square, seconds=0.16), tmp_path / "clip.mkv")
    assert original.pts == (0, STEP, 2 * STEP, 3 * STEP)
    assert read_recording(tmp_path / "clip.mkv").pts == original.pts
    wide = write_video("wide.mp4", frames=3, height=96, width=160)
    assert prepare(DemoOptions(input=wide), tmp_path / "wide.mkv").pictures[0].shape == (256, 256, 3)


def test_inputs_that_are_no_clip(write_video: Any, tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="1 pictures"):
        prepare(DemoOptions(input=write_video("one.mp4", frames=1)), tmp_path / "a.mkv")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(MediaError):
        prepare(DemoOptions(input=tmp_path / "text.mp4"), tmp_path / "b.mkv")
