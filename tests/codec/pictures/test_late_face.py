"""A clip that begins with an empty room, coded whole: the middle until the face comes, then the face."""

import os
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from codec.__main__ import main
from codec.bits.bitstream import CodedFrame
from codec.bits.container import FileReader
from codec.input.video import read_video
from codec.pictures.face import FaceDetector
from codec.pictures.video import VideoWriter

Picture = NDArray[np.uint8]


@pytest.mark.parametrize(("piped", "references"), [(False, "adaptive"), (True, "single")])
def test_a_face_that_comes_late_is_found(
    tmp_path: Path,
    pictures: list[Picture],
    capsys: pytest.CaptureFixture[str],
    piped: bool,
    references: str,
) -> None:
    """After 32 s of an empty room, at five pictures a second."""
    rows, columns = np.mgrid[0:256, 0:448]
    room = np.stack([60 + rows // 4, 90 + columns // 8, np.full_like(rows, 110)], axis=-1).astype(np.uint8)
    with VideoWriter(tmp_path / "a.mkv", fps=Fraction(5)) as writer:
        for index in range(168):
            image = room.copy()
            if index >= 160:
                image[:, 180:436] = pictures[index % len(pictures)]
            writer.write(image, pts=index * 18_000)
    name = str(tmp_path / "a.mkv")
    if piped:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        threading.Thread(target=lambda: pipe.write_bytes((tmp_path / "a.mkv").read_bytes()), daemon=True).start()
        name = str(pipe)
    out = tmp_path / "a.fw"
    assert main(["encode", name, str(out), "--references", references]) == 0
    assert "no face was found before 32.4 s" in capsys.readouterr().out
    assert main(["decode", str(out), str(tmp_path / "b.mkv")]) == 0
    shown = [image for image, _ in read_video(tmp_path / "b.mkv")]
    assert len(shown) == 168
    assert np.abs(shown[100].astype(int) - room[:, 96:352]).mean() < 6  # the middle of the room
    with FileReader(out) as reader:
        keyframes = [index for index, record in enumerate(reader) if CodedFrame.parse(record.data).is_keyframe]
    assert keyframes == [0, 162]
    found = FaceDetector().detect(shown[-1])
    assert found is not None
    assert max(abs(found.centre[0] - 128), abs(found.centre[1] - 128)) < 40
    assert 90 < found.w < 180  # the crop is about twice the face
