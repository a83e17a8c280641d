"""Times that begin at 0 and grow without a jump, whatever a container says or does not."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.encoder import Encoder
from codec.errors import PictureError
from codec.input.timeline import Timeline
from codec.input.video import read_video
from codec.pictures.video import VideoWriter

STEP = 3600
LONGEST = 900_000
REORDERED = {"bf": "3", "b-adapt": "0", "g": "12", "preset": "ultrafast"}


def stamped(times: list[int | None]) -> list[int]:
    timeline = Timeline(STEP, longest=LONGEST)
    return [timeline.stamp(pts) for pts in times]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([None, None, None], [0, 3600, 7200]),
        ([9000, 12_000, 16_000], [0, 3000, 7000]),
        ([0, None, 7200, 10_800], [0, 3600, 7200, 10_800]),
        ([0, 3000, 3000, 6000], [0, 3000, 3001, 6000]),  # twice the same
        ([90_000, 93_000, 0, 3000, 6000], [0, 3000, 6600, 9600, 12_600]),  # starts again
        ([0, 3000, 90_000_000, 90_003_000], [0, 3000, 6600, 9600]),  # leaps
        ([0, 3000, 90_000_000, 9000, 12_000], [0, 3000, 6600, 9000, 12_000]),  # one wrong time among good ones
        ([90_000, 93_600, 5, 100_800, 104_400], [0, 3600, 7200, 10_800, 14_400]),
    ],
)
def test_times_that_make_no_sense_are_replaced(times: list[int | None], expected: list[int]) -> None:
    assert stamped(times) == expected


@given(st.lists(st.none() | st.integers(-(1 << 62), 1 << 62) | st.integers(-90_000, 90_000), max_size=30))
def test_they_always_grow_and_never_by_more_than_a_jump(times: list[int | None]) -> None:
    given = stamped(times)
    assert given[:1] in ([], [0])
    assert all(0 < after - before <= LONGEST for before, after in pairwise(given))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.h264", "libx264"),
        ("a.hevc", "libx265"),
        ("a.avi", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.ts", "libx264"),
        ("a.mkv", "libx264"),
        ("a.mp4", "libx264"),
        ("a.flv", "libx264"),
        ("a.mjpeg", "mjpeg"),
    ],
)
@pytest.mark.parametrize("rate", [10, 25])
def test_a_steady_video_comes_at_its_rate(
    make: Callable[..., Path], picture: Any, reads: Any, name: str, codec: str, rate: int
) -> None:
    """With B-frames where the codec has them, and in containers that store no times, or none of presentation."""
    options = {"libx264": REORDERED, "libx265": {"x265-params": "log-level=none:bframes=3"}, "mpeg4": {"bf": "2"}}
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    if name.endswith("mjpeg") and rate != 25:
        pytest.skip("nothing in a stream of JPEGs says its rate")
    pictures = [picture(64, 64, shift) for shift in range(0, 48, 4)]
    path = make(name, pictures, codec=codec, pix_fmt=pix_fmt, rate=rate, options=options.get(codec))
    read = reads(path)
    step = 90_000 // rate
    assert len(read) == len(pictures)
    assert all(abs(pts - index * step) <= 90 for index, (_, pts) in enumerate(read))  # .mkv, .flv: whole milliseconds
    brightness = [image[..., 0].mean() for image, _ in read]
    assert brightness == sorted(brightness)  # in the order of presentation


def test_files_one_behind_the_other_go_on(make: Callable[..., Path], picture: Any) -> None:
    path = make("a.ts", [picture(64, 64, shift) for shift in range(10)], options=REORDERED)
    path.write_bytes(path.read_bytes() * 3)
    assert [pts for _, pts in read_video(path)] == [index * STEP for index in range(30)]


def test_a_variable_rate_is_kept(make: Callable[..., Path], picture: Any) -> None:
    times = [0, 3003, 9001, 200_000, 1_900_000, 1_903_600]  # a picture that stays for 19 s among them
    path = make("a.mp4", [picture(64, 64, shift) for shift in range(6)], times=times)
    assert [pts for _, pts in read_video(path)] == times


@pytest.mark.parametrize("pts", [0.5, 3600.0, None, "3600"])
def test_a_time_that_is_no_whole_number_is_named(tmp_path: Path, picture: Any, pts: Any) -> None:
    with VideoWriter(tmp_path / "a.mkv") as writer, pytest.raises(PictureError, match="a whole number of 1/90000 s"):
        writer.write(picture(32, 32), pts=pts)
    with pytest.raises(PictureError, match="a whole number of 1/90000 s"):
        Encoder().encode(picture(256, 256), pts=pts)
