"""Which of a file's streams is the video: never its cover, the one ffmpeg would pick, or the one that is asked for."""

import gc
import threading
import weakref
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from codec.__main__ import main
from codec.errors import MediaError
from codec.input.names import Name
from codec.input.video import _chosen, open_video, probe_video, read_video
from sender.capture import Picture
from sender.errors import SourceError
from sender.sources import open_source

COVER, DEFAULT = Disposition.attached_pic, Disposition.default
Layout = Sequence[tuple[int, Disposition | None]]  # of each video stream: its side, its disposition


def several(path: Path, streams: Layout) -> Path:
    """Videos of one grey each, 40 times their number, in one MP4, which puts cover pictures behind them."""
    with av.open(str(path), "w") as container:
        made: list[Any] = []
        for side, disposition in streams:
            is_cover = disposition is not None and bool(disposition & Disposition.attached_pic)
            stream: Any = container.add_stream("png" if is_cover else "libx264", rate=25)
            stream.width = stream.height = side
            stream.pix_fmt = "rgb24" if is_cover else "yuv420p"
            if disposition is not None:
                stream.disposition = disposition
            made.append((stream, is_cover))
        for number, (stream, is_cover) in enumerate(made):
            grey = np.full((stream.height, stream.width, 3), 40 * (number + 1), np.uint8)
            for index in range(1 if is_cover else 3):
                frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=stream.pix_fmt)
                frame.pts = index
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def sender_reads(path: Path, stream: int | None) -> list[Picture]:
    pictures: list[Picture] = []
    open_source(str(path), stream=stream).read(pictures.append, threading.Event())
    return pictures


@pytest.mark.parametrize(
    ("streams", "picked"),
    [
        ([(64, DEFAULT), (128, DEFAULT)], 1),
        ([(128, DEFAULT), (64, DEFAULT)], 0),
        ([(64, DEFAULT), (128, Disposition(0))], 0),
        ([(64, Disposition(0)), (128, COVER)], 0),
    ],
    ids=["largest", "largest first", "default", "cover"],
)
def test_the_one_that_ffmpeg_picks(tmp_path: Path, reads: Any, streams: Layout, picked: int) -> None:
    path = several(tmp_path / "a.mp4", streams)
    image, _ = reads(path)[0]
    assert image.shape[0] == streams[picked][0]
    assert abs(image.mean() - 40 * (picked + 1)) < 2


def test_the_one_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = several(tmp_path / "a.mp4", [(32, None), (64, None), (128, COVER)])
    for number, side in enumerate((32, 64, 128)):
        assert probe_video(path, stream=number).width == side
        assert next(read_video(path, stream=number))[0].shape[0] == side
        assert sender_reads(path, number)[0].image_rgb.shape[0] == side
    with pytest.raises(MediaError, match=r"a.mp4: stream 3 is no video stream of it \(0, 1, 2\)"):
        probe_video(path, stream=3)
    with pytest.raises(SourceError, match="stream 3 is no video stream"):
        open_source(str(path), stream=3)
    out = str(tmp_path / "a.fw")
    assert main(["encode", str(path), out, "--stream", "0", "--limit", "1"]) == 0
    assert main(["encode", str(path), out, "--stream", "7"]) == 2
    assert "stream 7 is no video stream" in capsys.readouterr().err


def test_a_cover_is_never_it_wherever_it_stands() -> None:
    """FFmpeg lists it first where a file begins with what it is called."""

    def stream(index: int, side: int, disposition: Disposition) -> Any:
        context = SimpleNamespace(width=side, height=side)
        return SimpleNamespace(index=index, disposition=disposition, codec_context=context)

    def chosen(*streams: Any) -> int:
        container: Any = SimpleNamespace(streams=SimpleNamespace(video=streams))
        return _chosen(Name("a.mp4", "file:a.mp4", {}), container, None).index

    cover, film = stream(0, 900, COVER | DEFAULT), stream(1, 64, Disposition(0))
    assert chosen(cover, film) == 1
    assert chosen(film, cover) == 1
    assert chosen(stream(0, 900, Disposition.timed_thumbnails), film) == 1
    with pytest.raises(MediaError, match="no video stream in it; --stream reads its cover picture"):
        chosen(cover)


def test_what_was_read_is_let_go_of_at_once_also_midway(tmp_path: Path) -> None:
    """A file in a loop is opened each time anew: what only the collector of garbage frees grew by 12 MB a minute."""
    path = several(tmp_path / "a.mp4", [(64, None)])
    collects = gc.isenabled()
    gc.disable()
    try:
        for pictures in (0, 1, 3):
            with open_video(path) as video:
                watched = weakref.ref(video)
                assert len(list(islice(video.pictures(), pictures))) == pictures
            del video
            assert watched() is None
    finally:
        if collects:
            gc.enable()
