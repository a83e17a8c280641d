"""Video files: round trips, time stamps, odd sizes, rotation, and whatever a user may name that is no video."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from codec.errors import MediaError, PictureError
from codec.input.video import VideoInfo, probe_video, read_video
from codec.pictures.video import VideoWriter

Picture = NDArray[np.uint8]
SAMPLE = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"
FRAME = 3600


def gradient(height: int, width: int, shift: int = 0) -> Picture:
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [rows * 255 // max(height - 1, 1), columns * 255 // max(width - 1, 1), np.full_like(rows, 40 + shift)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def write(path: Path, pictures: list[Picture], times: list[int] | None = None) -> None:
    with VideoWriter(path, fps=Fraction(25), comment="reconstructed") as writer:
        for index, picture in enumerate(pictures):
            writer.write(picture, pts=times[index] if times else index * FRAME)


def turn_by_a_quarter(path: Path) -> None:
    """Set the track's display matrix (ISO/IEC 14496-12, 8.3.2) to a quarter turn clockwise, as telephones do."""
    data = bytearray(path.read_bytes())
    matrix = data.rindex(b"tkhd") + 4 + 40  # of the finished file; the one before was for while it was written
    values = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, signed=True) for value in values)
    path.write_bytes(data)


@pytest.mark.parametrize("shape", [(64, 64), (33, 57), (2, 2), (1, 1)])
def test_matroska_is_lossless(tmp_path: Path, shape: tuple[int, int]) -> None:
    pictures = [gradient(*shape, shift) for shift in range(5)]
    write(tmp_path / "a.mkv", pictures)
    read = list(read_video(tmp_path / "a.mkv"))
    assert [pts for _, pts in read] == [index * FRAME for index in range(5)]
    assert all(np.array_equal(got, sent) for (got, _), sent in zip(read, pictures, strict=True))


def test_mp4_is_close_and_keeps_time_to_the_tick(tmp_path: Path) -> None:
    pictures = [gradient(64, 96, shift) for shift in range(4)]
    times = [0, 3003, 9001, 20000]
    write(tmp_path / "a.mp4", pictures, times)
    read = list(read_video(tmp_path / "a.mp4"))
    assert [pts for _, pts in read] == times
    assert all(np.abs(got.astype(int) - sent).mean() < 3 for (got, _), sent in zip(read, pictures, strict=True))


def test_mp4_drops_the_odd_row_and_column(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [gradient(33, 57)])
    assert next(read_video(tmp_path / "a.mp4"))[0].shape == (32, 56, 3)


def test_the_comment_is_in_the_file(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        write(tmp_path / name, [gradient(16, 16)])
        with av.open(str(tmp_path / name)) as container:
            assert "reconstructed" in {key.lower(): value for key, value in container.metadata.items()}["comment"]


def test_the_sample_reads() -> None:
    info = probe_video(SAMPLE)
    assert info.frames > 0
    read = list(read_video(SAMPLE, limit=3))
    assert [pts for _, pts in read] == [round(index * 90_000 / info.fps) for index in range(3)]
    assert all(picture.shape == (info.height, info.width, 3) for picture, _ in read)


def test_limits() -> None:
    assert list(read_video(SAMPLE, limit=0)) == []
    assert len(list(read_video(SAMPLE, limit=1))) == 1


def test_one_picture_is_a_video(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [gradient(32, 32)])
    assert len(list(read_video(tmp_path / "a.mp4"))) == 1
    assert probe_video(tmp_path / "a.mp4") == VideoInfo(32, 32, Fraction(25), 1)


def test_a_turned_video_is_read_upright(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write(path, [gradient(32, 64)])
    turn_by_a_quarter(path)
    picture, _ = next(read_video(path))
    assert picture.shape == (64, 32, 3)
    expected = np.rot90(gradient(32, 64), -1)
    assert np.abs(picture.astype(int) - expected).mean() < 4
    assert (probe_video(path).width, probe_video(path).height) == (32, 64)


def test_a_file_that_breaks_off_gives_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", [gradient(64, 64, shift) for shift in range(20)])
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "b.mkv").write_bytes(data[: len(data) // 2])
    pictures = read_video(tmp_path / "b.mkv")
    assert len([next(pictures) for _ in range(6)]) == 6
    with suppress(MediaError):  # whether it is told depends on the place of the cut
        assert len(list(pictures)) < 14


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "half.mp4").write_bytes(SAMPLE.read_bytes()[:3000])
    for name in ("noise.mp4", "empty.mp4", "half.mp4", "absent.mp4", "."):
        with pytest.raises(MediaError):
            list(read_video(tmp_path / name))
        with pytest.raises(MediaError):
            probe_video(tmp_path / name)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no video stream"):
        probe_video(path)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="mkv"):
        VideoWriter(tmp_path / "a.avi")
    with pytest.raises(MediaError), VideoWriter(tmp_path / "absent" / "a.mp4") as writer:
        writer.write(gradient(16, 16), pts=0)
    with VideoWriter(tmp_path / "a.mkv") as writer:
        writer.write(gradient(16, 16), pts=0)
        with pytest.raises(PictureError):
            writer.write(gradient(16, 18), pts=FRAME)
        with pytest.raises(PictureError):
            writer.write(np.zeros((16, 16), np.uint8), pts=FRAME)
    assert len(list(read_video(tmp_path / "a.mkv"))) == 1


def test_a_writer_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "a.mp4").close()
    assert not (tmp_path / "a.mp4").exists()
