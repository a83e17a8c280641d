"""A recording for each of several that are received at a time."""

from pathlib import Path

import av
import numpy as np
import pytest

from receiver.errors import DisplayError
from receiver.outputs.recordings import Recordings
from receiver.picture import Picture


def picture(value: int, *, pts: int) -> Picture:
    return Picture("keypoints", pts=pts, shown_us=0, source=np.full((64, 64, 3), value, np.uint8))


def shades(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [int(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]


def test_each_place_has_files_of_its_own(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, size=64, ended=lambda error: None)
    for pts in (0, 3600):
        recordings.show(1, picture(50, pts=pts))
        recordings.show(3, picture(200, pts=pts))
    recordings.close()
    assert shades(tmp_path / "keypoints.mkv") == pytest.approx([50, 50], abs=1)
    assert shades(tmp_path / "3" / "keypoints.mkv") == pytest.approx([200, 200], abs=1)
    assert not (tmp_path / "2").exists()


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recordings = Recordings()
    recordings.show(2, picture(50, pts=0))
    recordings.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DisplayError):
        Recordings(tmp_path / "file", size=64)
