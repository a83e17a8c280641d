"""Real containers of real codecs, made with PyAV, and the three programs' ways to read them."""

import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from benchmarks.clips.clip import load_clip
from codec.input.video import read_video
from sender.capture import Picture
from sender.sources import open_source

Image = NDArray[np.uint8]
Reader = Callable[[Path], list[tuple[Image, int]]]


def scene(height: int, width: int, shift: int = 0) -> Image:
    """Soft colours, another in each quarter, so that no turn and no mirror image is the same picture."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    channels = [40 + 150 * rows + shift, 200 - 120 * columns, 60 + 100 * rows * columns + 40 * (columns > rows)]
    return np.stack(channels, axis=-1).astype(np.uint8)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Writes pictures, uint8 RGB, to a video of that name.

    `tags` are attributes of the codec's context (colorspace, color_range, ...).
    `matrix` and `full` say how RGB becomes YUV, which the tags need not tell truly.
    """

    def write(
        name: str,
        pictures: Sequence[NDArray[Any]],
        *,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        source: str = "rgb24",
        matrix: int = 5,
        full: bool = False,
        rate: int = 25,
        times: Sequence[int] | None = None,
        options: dict[str, str] | None = None,
        **tags: Any,
    ) -> Path:
        path = tmp_path / name
        with av.open(f"file:{path}", "w") as container:
            stream: Any = container.add_stream(codec, rate=rate, options=options or {})
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pix_fmt
            tick = Fraction(1, 90_000) if times else Fraction(1, rate)
            stream.codec_context.time_base = tick
            for tag, value in tags.items():
                setattr(stream.codec_context, tag, value)
            for index, picture in enumerate(pictures):
                frame = VideoReformatter().reformat(
                    av.VideoFrame.from_ndarray(picture, format=source),
                    format=pix_fmt,
                    dst_colorspace=matrix,
                    dst_color_range=2 if full else 1,
                )
                for tag in ("colorspace", "color_range", "color_trc", "color_primaries"):
                    setattr(frame, tag, tags.get(tag, 0 if tag == "color_range" else 2))
                frame.pts, frame.time_base = times[index] if times else index, tick
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


def with_matrix(path: Path, matrix: tuple[float, float, float, float]) -> Path:
    """The same MP4 with another display matrix (a, b, c, d) in its track header, as telephones write it."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (round(value * (1 << 16)) for value in matrix)
    data[at : at + 36] = b"".join(value.to_bytes(4, signed=True) for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
    path.write_bytes(data)
    return path


@pytest.fixture
def turn() -> Callable[..., Path]:
    """`with_matrix`."""
    return with_matrix


def codec_reads(path: Path) -> list[tuple[Image, int]]:
    return list(read_video(path))


def sender_reads(path: Path) -> list[tuple[Image, int]]:
    """At once: its waits only move its clock."""
    now = [0.0]

    def wait(stop: threading.Event, seconds: float) -> bool:
        now[0] += seconds
        return False

    source = open_source(str(path))
    source._clock, source._wait = lambda: now[0], wait
    pictures: list[Picture] = []
    source.read(pictures.append, threading.Event())
    return [(picture.image_rgb, picture.pts) for picture in pictures]


def benchmark_reads(path: Path) -> list[tuple[Image, int]]:
    """Squares of the shorter side, a frame rate apart."""
    side = min(next(read_video(path))[0].shape[:2])
    clip = load_clip(path, size=side, seconds=100.0)
    return [(picture, round(index * 90_000 / clip.fps)) for index, picture in enumerate(clip.pictures)]


def centre(image: Image) -> Image:
    """The square in the middle, to compare with what the benchmark cuts."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[top : top + side, left : left + side]


@pytest.fixture(params=[codec_reads, sender_reads, benchmark_reads], ids=["codec", "sender", "benchmark"])
def reads(request: pytest.FixtureRequest) -> Reader:
    """Each of those who read videos."""
    return request.param


@pytest.fixture
def alike() -> Callable[..., None]:
    """Fails where pictures differ by more than `within` on average; the benchmark's are squares."""

    def compare(got: Image, expected: Image, *, within: float) -> None:
        if got.shape != expected.shape:
            expected = centre(expected)
        assert got.shape == expected.shape
        difference = np.abs(got.astype(int) - expected).mean(axis=(0, 1))
        assert (difference <= within).all(), difference

    return compare


@pytest.fixture
def picture() -> Callable[..., Image]:
    """`scene`."""
    return scene
