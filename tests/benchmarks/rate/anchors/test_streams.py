"""Stage 8, for comparison: streams of others are found by their names, decoded, and counted to the byte."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.clips.clip import Clip
from benchmarks.errors import SettingError, StreamError
from benchmarks.quality.metrics import psnr_of_each
from benchmarks.rate.anchors.encoder import encode
from benchmarks.rate.anchors.setups import ANCHORS
from benchmarks.rate.anchors.streams import Stream, StreamPattern, find_streams, read_pattern, run_stream

WriteVideo = Callable[..., Path]


def a_stream(path: Path) -> Stream:
    return Stream("other", "texture", "crf 40", str(path), "")


@pytest.fixture
def coded(clip: Clip, tmp_path: Path) -> Path:
    """The clip as an elementary stream of HEVC."""
    path = tmp_path / "texture-256-crf40.265"
    path.write_bytes(b"".join(picture.data for picture in encode(ANCHORS["x265"], clip, crf=40).pictures))
    return path


def test_an_elementary_stream_costs_what_its_file_has(clip: Clip, coded: Path) -> None:
    other = run_stream(a_stream(coded), clip)
    assert other.payload_bytes == coded.stat().st_size
    assert 0 < other.first_keyframe_bytes == other.keyframe_bytes < other.payload_bytes
    assert other.wire.out >= other.payload_bytes + 50 * len(clip.pictures)
    assert psnr_of_each(clip.pictures, other.pictures).min() > 18


def test_parameter_sets_beside_the_packets_are_paid_for(write_video: WriteVideo) -> None:
    path = write_video("texture.mp4", frames=6, height=256, width=256)
    with av.open(str(path)) as container:
        packets = sum(packet.size for packet in container.demux(video=0))
        beside = len(container.streams.video[0].codec_context.extradata or b"")
    other = run_stream(a_stream(path), Clip("texture", 25.0, np.zeros((6, 256, 256, 3), np.uint8)))
    assert beside > 0
    assert other.payload_bytes == packets + beside


def test_a_stream_of_another_clip_is_refused_with_both_counts(clip: Clip, coded: Path) -> None:
    longer = Clip("longer", 25.0, clip.pictures.repeat(2, axis=0))
    with pytest.raises(StreamError, match=r"texture-256-crf40\.265: 15 pictures, but longer has 30"):
        run_stream(a_stream(coded), longer)
    larger = Clip("larger", 25.0, clip.pictures.repeat(2, axis=1).repeat(2, axis=2))
    with pytest.raises(StreamError, match="pictures of 256x256, but larger has 512x512"):
        run_stream(a_stream(coded), larger)


@pytest.mark.parametrize("content", [None, b"", b"no video at all"])
def test_what_is_no_video_is_named(content: bytes | None, clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "broken.265"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StreamError, match=r"broken\.265: "):
        run_stream(a_stream(path), clip)


def test_a_codec_that_ffmpeg_does_not_know_is_named(clip: Clip, write_video: WriteVideo) -> None:
    path = write_video("texture.avi", frames=3, height=64, width=64)
    four, unknown = b"H264", b"ZQZQ"
    assert four in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(four, unknown))
    with pytest.raises(StreamError, match=r"texture\.avi: this FFmpeg has no decoder for it"):
        run_stream(a_stream(path), clip)


def test_files_are_found_by_clip_size_and_setting(tmp_path: Path) -> None:
    folder = tmp_path / "a [b]"  # what a glob would take for a set of letters
    folder.mkdir()
    for name in ("one-256-qp9", "one-256-qp10", "one-512-qp9", "two-256-qp10", "two-256-qp9"):
        (folder / f"{name}.266").write_bytes(name.encode())
    wanted = read_pattern(f"vvc={folder}/{{clip}}-{{size}}-*.266")
    found = find_streams(wanted, clips=["one", "two"], size=256)
    expected = [("one", "qp9"), ("one", "qp10"), ("two", "qp9"), ("two", "qp10")]
    assert [(stream.clip, stream.setting) for stream in found] == expected
    assert {stream.name for stream in found} == {"vvc"}
    assert len({stream.sha256 for stream in found}) == 4
    (only,) = find_streams(read_pattern(f"x={folder}/{{clip}}-512-qp9.266"), clips=["one"], size=256)
    assert only.setting == "as it is"


def test_a_clip_without_a_stream_or_a_setting_is_named(tmp_path: Path) -> None:
    for name in ("one-qp9", "one-qp10", "two-qp9"):
        (tmp_path / f"{name}.266").write_bytes(b"")
    wanted = StreamPattern("vvc", f"{tmp_path}/{{clip}}-*.266")
    with pytest.raises(StreamError, match="vvc: no stream of three at 256 fits"):
        find_streams(wanted, clips=["one", "three"], size=256)
    with pytest.raises(StreamError, match="vvc: of two at 256 there is no qp10, which other clips have"):
        find_streams(wanted, clips=["one", "two"], size=256)


@pytest.mark.parametrize("text", ["vvc", "=a{clip}", "vvc=", "vvc=a.266", "vvc={clip}-*-*.266", "x264={clip}.h264"])
def test_a_pattern_out_of_form_is_refused(text: str) -> None:
    with pytest.raises(SettingError):
        read_pattern(text)
