"""Windows and files: what is written plays, what cannot be shown says why."""

import asyncio
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import receiver.outputs.display
import receiver.outputs.output
import receiver.outputs.window
from codec.pictures.video import VideoWriter
from receiver.errors import DisplayError
from receiver.outputs.display import open_output
from receiver.outputs.files import FileOutput, Recorder
from receiver.outputs.frames import Frames
from receiver.outputs.output import NullOutput, Output
from receiver.outputs.videofile import VideoFile
from receiver.picture import MAX_WAITING_BYTES, Picture, Waiting, fit
from receiver.receive import FaceReceiver
from sender.h264.fallback import H264Encoder
from signaling.protocol.messages import ModeSwitch, QualityReport
from signaling.transport.costs import Kind
from signaling.transport.memory import memory_pair


def picture(index: int, *, kind: Kind = "keypoints", size: int = 64) -> Picture:
    image = np.full((size, size, 3), 10 + 3 * index % 200, np.uint8)
    return Picture(kind, index * 3600, 5_000_000 + index * 40_000, image)


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [round(frame.time, 3) for frame in container.decode(video=0) if frame.time is not None]


def ended(_: Exception | None) -> None:
    pass


def test_a_file_has_the_times_of_showing_and_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.mp4"
    output = FileOutput(path, ended=ended)
    for index in (0, 1, 2, 10, 11):
        output.show(picture(index))
    output.close()
    assert output.pictures == 5
    assert times(path) == [0.0, 0.04, 0.08, 0.4, 0.44]
    with av.open(str(path)) as container:
        assert "econstructed" in container.metadata["title"]


@pytest.mark.parametrize("step", [3600, 30_000])  # 25 and 3 pictures a second
def test_a_file_cut_off_while_it_is_written_plays(tmp_path: Path, step: int) -> None:
    path, killed = tmp_path / "out.mp4", tmp_path / "killed.mp4"
    file = VideoFile(path)
    pictures = 4 * 90_000 // step
    for index in range(pictures):
        file.write(picture(index).rgb(), pts=index * step)
    killed.write_bytes(path.read_bytes())
    assert times(killed)[-1] >= 2.4
    file.close()
    assert len(times(path)) == pictures


def test_pictures_of_another_size_are_fitted_in(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    file = VideoFile(path)
    file.write(np.full((64, 64, 3), 100, np.uint8), pts=0)
    file.write(np.full((90, 160, 3), 200, np.uint8), pts=3600)
    file.close()
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert frames[1].shape == (64, 64, 3)
    assert frames[1][:8].max() < 20
    assert frames[1][32].min() > 180


def test_fit_keeps_proportions() -> None:
    image = fit(np.full((20, 10, 3), 255, np.uint8), width=40, height=40)
    assert image[:, :9].max() == 0
    assert image[:, 11:29].min() == 255
    assert image[:, 31:].max() == 0


def test_the_recorder_keeps_both_pictures_exactly_with_the_senders_times(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, size=64, ended=ended)
    for index in range(5):
        recorder.show(picture(index + 25))
        recorder.show(picture(index + 26, kind="h264"))
    recorder.show(picture(3))  # from another time line
    recorder.close()
    assert times(tmp_path / "keypoints.mkv") == [1.0, 1.04, 1.08, 1.12, 1.16]
    assert times(tmp_path / "h264.mkv")[0] == 1.04
    with av.open(str(tmp_path / "keypoints.mkv")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert (first == picture(25).rgb()).all()


def test_a_picture_is_safe_to_share() -> None:
    image = np.full((16, 16, 3), 50, np.uint8)
    shown = Picture("h264", 0, 0, image)
    with pytest.raises(ValueError, match="read-only"):
        shown.rgb()[0] = 1
    assert image.flags.writeable
    frames = Frames()
    first, second = frames.yuv420p(shown), frames.yuv420p(shown)
    assert first is not second
    assert (np.abs(first.to_ndarray(format="rgb24").astype(int) - image) <= 2).all()


def test_no_picture_no_file(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    FileOutput(path, ended=ended).close()
    assert not path.exists()


def test_a_place_that_cannot_be_written_is_told_before_the_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DisplayError, match="cannot write"):
        FileOutput(tmp_path / "file" / "out.mp4", ended=ended)
    with pytest.raises(DisplayError, match="cannot write"):
        Recorder(tmp_path / "file", size=64, ended=ended)


def test_a_disk_that_fails_ends_the_output_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()
    output = FileOutput(tmp_path / "out.mp4", ended=lambda _: stopped.set())

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(VideoWriter, "_start", fail)
    output.show(picture(0))
    assert stopped.wait(30)
    with pytest.raises(DisplayError, match="No space left"):
        output.close()


@pytest.mark.parametrize("place", ["file", "record"])
def test_whatever_a_thread_meets_ends_the_output_and_says_so(tmp_path: Path, place: str) -> None:
    """A time stamp that no file can hold: it is no disk's fault, and the thread must not vanish with it."""
    told: list[Exception | None] = []
    output: Output = (
        FileOutput(tmp_path / "x.mp4", ended=told.append)
        if place == "file"
        else Recorder(tmp_path, size=16, ended=told.append)
    )
    image_rgb = np.zeros((16, 16, 3), np.uint8)
    output.show(Picture("keypoints", 0, 0, image_rgb))
    output.show(Picture("keypoints", 10**30, 10**30, image_rgb))
    with pytest.raises(DisplayError, match="failed: OverflowError"):
        output.close()
    assert [type(error) for error in told] == [DisplayError]
    with av.open(str(tmp_path / ("x.mp4" if place == "file" else "keypoints.mkv"))) as container:
        assert sum(1 for _ in container.decode(video=0)) == 1


def test_a_window_that_cannot_read_its_pictures_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(receiver.outputs.window, "open", fail, raising=False)
    newest = receiver.outputs.window._Newest()
    while not newest.ended:
        newest.wait(timeout_s=60)
    assert newest.failed


def test_without_a_display_the_window_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(receiver.outputs.display.sys, "platform", "linux")
    with pytest.raises(DisplayError, match=r"no display.*--output FILE\.mp4"):
        open_output("window", size=256, ended=ended)


def in_place_of_the_window(path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    path.write_text("\n".join(("import sys", *lines)))
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.setattr(receiver.outputs.display, "WINDOW_PROGRAM", path)
    monkeypatch.setattr(receiver.outputs.display, "find_spec", lambda _: True)


def test_a_window_without_its_library_is_told_before_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.setattr(receiver.outputs.display, "find_spec", lambda _: None)
    with pytest.raises(DisplayError, match="pip install pygame-ce"):
        open_output("window", size=256, ended=ended)


def test_a_display_that_refuses_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_the_window(tmp_path / "window.py", monkeypatch, "sys.exit(1)")
    with pytest.raises(DisplayError, match="no window can be opened"):
        open_output("window", size=256, ended=ended)


def test_a_display_that_is_not_there_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    for name in ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DisplayError, match="no window can be opened"):
        open_output("window", size=64, ended=ended)


def test_a_display_that_does_not_answer_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_the_window(tmp_path / "window.py", monkeypatch, "sys.stdin.read()")
    monkeypatch.setattr(receiver.outputs.display, "OPENS_WITHIN_S", 0.1)
    with pytest.raises(DisplayError, match="takes too long"):
        open_output("window", size=256, ended=ended)


def test_a_window_that_breaks_off_ends_the_output_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_the_window(tmp_path / "window.py", monkeypatch, "print('open', flush=True)", "sys.exit(1)")
    stopped = threading.Event()
    output = open_output("window", size=64, ended=lambda _: stopped.set())
    assert stopped.wait(30)
    with pytest.raises(DisplayError, match="broke off"):
        output.close()


def test_a_window_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = "import threading; print('open', flush=True); threading.Event().wait()"
    in_place_of_the_window(tmp_path / "window.py", monkeypatch, hang)
    monkeypatch.setattr(receiver.outputs.output, "CLOSES_WITHIN_S", 0.1)
    stopped = threading.Event()
    output = open_output("window", size=512, ended=lambda _: stopped.set())
    output.show(picture(0, size=512))  # more than the pipe holds
    with pytest.raises(DisplayError, match="the window: hangs"):
        output.close()
    assert stopped.wait(30)  # it was killed, and its thread with it


def test_a_disk_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, stopped = threading.Event(), threading.Event()
    monkeypatch.setattr(VideoFile, "write", lambda *_, **__: answers.wait())
    monkeypatch.setattr(receiver.outputs.output, "CLOSES_WITHIN_S", 0.1)
    output = FileOutput(tmp_path / "out.mp4", ended=lambda _: stopped.set())
    output.show(picture(0))
    with pytest.raises(DisplayError, match=r"out\.mp4: hangs"):
        output.close()
    answers.set()
    assert stopped.wait(30)


@pytest.fixture(scope="module")
def decoded() -> list[av.VideoFrame]:
    """What aiortc hands out for H.264: frames of a decoder, in yuv420p."""
    worker, frames = H264Encoder(size=128, kbps=200), []
    decoder: Any = av.CodecContext.create("h264", "r")
    for index in range(100):
        coded = worker.encode(picture(index, size=128).rgb(), pts=index * 3600)
        frames += decoder.decode(av.Packet(coded.data))
    for index, frame in enumerate(frames):
        frame.pts, frame.time_base = index * 3600, Fraction(1, 90_000)
    return frames


async def test_h264_reaches_all_outputs_at_once_and_all_end(
    decoded: list[av.VideoFrame], toys: Any, tmp_path: Path
) -> None:
    """Two threads that converted one decoded frame hung in the converter that it keeps, and the program with them."""
    here, there = memory_pair(delay_s=0.0)
    video, sender = toys.Video(), toys.Sender(there)
    taking = FaceReceiver(here, worker=toys.Worker(), decoder=toys.Decoder(), video=video)
    file, recorder = FileOutput(tmp_path / "out.mp4", ended=ended), Recorder(tmp_path, size=128, ended=ended)
    taking.watch(file.show)
    taking.watch(recorder.show, every=True)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(taking.run())
        sender.say(ModeSwitch(mode="h264", pts=0))
        figures = {"h264_origin_pts": 0.0}
        sender.say(QualityReport(pts=0, keypoints_psnr_db=None, h264_psnr_db=30.0, mode="h264", figures=figures))
        for frame in decoded:
            video.give(frame)
            assert await taking.track.recv() is not frame
        await taking.close()
    for output in (file, recorder):
        await asyncio.to_thread(output.close)
    assert len(times(tmp_path / "out.mp4")) == len(decoded) - file.dropped > 0
    assert times(tmp_path / "h264.mkv")


def test_null_takes_everything() -> None:
    output = open_output("null", size=256, ended=ended)
    assert isinstance(output, NullOutput)
    output.show(picture(0))
    output.close()


def test_large_pictures_wait_in_no_more_bytes_than_small_ones() -> None:
    waiting = Waiting(64)
    large = np.zeros((1088, 1920, 3), np.uint8)
    dropped = sum(waiting.append(Picture("h264", number, 0, large)) for number in range(64))
    assert len(waiting) * large.nbytes <= MAX_WAITING_BYTES < (len(waiting) + 1) * large.nbytes
    assert dropped + len(waiting) == 64
    assert waiting.popleft().pts == dropped
    small = sum(waiting.append(picture(number)) for number in range(100))
    assert (small, len(waiting)) == (100 + 64 - dropped - 1 - 64, 64)
    huge = np.zeros((5000, 5000, 3), np.uint8)
    waiting.append(Picture("h264", 7, 0, huge))
    assert waiting.popleft().pts == 7, "a single picture may always wait"
