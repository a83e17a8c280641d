"""The command line: a clip there and back, what it tells, and every bad input in one line with exit code 2."""

import json
import os
import re
import signal
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from codec.__main__ import main
from codec.bits.container import FIXED_HEADER, FileHeader, FileReader, FileRecord, FileWriter
from codec.config import CodecConfig
from codec.encoder import Encoder
from codec.input.video import read_video
from codec.pictures.crop import centre_crop
from codec.pictures.video import VideoWriter
from codec.weights.files import find, identify

Picture = NDArray[np.uint8]
SAMPLE = Path(__file__).parents[2] / "benchmarks" / "clips" / "data" / "sample.mp4"
FRAMES = 5


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """The first pictures of the bundled clip at half its size, to be quick."""
    return [centre_crop(*image.shape[:2]).extract(image, 256) for image, _ in read_video(SAMPLE, limit=FRAMES)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, pictures: list[Picture]) -> Path:
    return write(tmp_path_factory.mktemp("clip") / "clip.mkv", pictures)


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Path:
    path = tmp_path_factory.mktemp("coded") / "clip.fw"
    assert main(["encode", str(clip), str(path)]) == 0
    return path


def write(path: Path, pictures: list[Picture]) -> Path:
    with VideoWriter(path, fps=Fraction(25)) as writer:
        for index, picture in enumerate(pictures):
            writer.write(picture, pts=index * 3600)
    return path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What went to stderr, which is one line and no traceback."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1, text
    assert text.startswith("facewire-codec")
    return text


def test_a_clip_there_and_back_is_what_the_encoder_saw(tmp_path: Path, coded: Path, pictures: list[Picture]) -> None:
    out = tmp_path / "out.mkv"
    assert main(["decode", str(coded), str(out)]) == 0
    decoded = list(read_video(out))
    assert [pts for _, pts in decoded] == [index * 3600 for index in range(FRAMES)]
    encoder = Encoder(CodecConfig())
    for index, (shown, _) in enumerate(decoded):
        encoder.encode(pictures[index], pts=index * 3600)
        assert np.array_equal(shown, encoder.reconstruction)


def test_mp4_says_that_it_is_reconstructed(tmp_path: Path, coded: Path) -> None:
    out = tmp_path / "out.mp4"
    assert main(["decode", str(coded), str(out)]) == 0
    with av.open(str(out)) as container:
        assert "not a camera recording" in container.metadata["comment"]
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_info_is_json(coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(coded)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == FRAMES
    assert told["fps"] == 25
    assert told["size"] == 256
    assert told["keyframes"] == 1
    assert told["payload_bytes"] == told["keyframe_bytes"] + told["reference_bytes"] + told["motion_bytes"]
    assert told["kbps"] == pytest.approx(told["payload_bytes"] * 8 * 25 / FRAMES / 1000, rel=1e-3)
    assert told["weights_id"].startswith(f"{CodecConfig().weights}-")
    assert told["damage"] is None


def test_limit_and_qp(tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.fw"
    sizes = []
    for qp in ("10", "60"):
        assert main(["encode", str(clip), str(out), "--limit", "2", "--qp", qp]) == 0
        capsys.readouterr()
        assert main(["info", str(out)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["frames"] == 2
        sizes.append(told["payload_bytes"])
    assert sizes[1] < sizes[0]


def test_a_budget_is_accounted_for(tmp_path: Path, pictures: list[Picture], capsys: pytest.CaptureFixture[str]) -> None:
    """At three pictures a second, so that twenty are more than a window."""
    source, out = tmp_path / "slow.mkv", tmp_path / "a.fw"
    with VideoWriter(source, fps=Fraction(3)) as writer:
        for index in range(20):
            writer.write(pictures[index % FRAMES], pts=index * 30_000)
    assert main(["encode", str(source), str(out), "--kbps", "6"]) == 0
    told = re.search(r"the first 5 s took (\d+)% of 6 kbps, any other 5 s (\d+)% to (\d+)%", capsys.readouterr().out)
    assert told is not None
    assert main(["info", str(out)]) == 0
    figures = json.loads(capsys.readouterr().out)
    for percent, name in zip(told.groups(), ("first_5_s", "least", "most"), strict=True):
        kbps = figures["first_5_s_kbps" if name == "first_5_s" else f"{name}_kbps_in_5_s"]
        assert kbps == pytest.approx(0.06 * int(percent), abs=0.04)
    assert main(["encode", str(source), str(out), "--kbps", "6", "--limit", "4"]) == 0
    assert "shorter than the 5 s" in capsys.readouterr().out


def test_a_single_picture(tmp_path: Path, pictures: list[Picture]) -> None:
    source = write(tmp_path / "one.mkv", pictures[:1])
    assert main(["encode", str(source), str(tmp_path / "a.fw")]) == 0
    assert main(["decode", str(tmp_path / "a.fw"), str(tmp_path / "b.mp4")]) == 0
    assert len(list(read_video(tmp_path / "b.mp4"))) == 1


def test_a_wide_odd_picture_is_cropped_to_its_face(tmp_path: Path, pictures: list[Picture]) -> None:
    wide = np.full((291, 601, 3), 90, np.uint8)
    wide[20:276, 300:556] = pictures[0]
    source = write(tmp_path / "wide.mkv", [wide])
    assert main(["encode", str(source), str(tmp_path / "a.fw")]) == 0
    assert main(["decode", str(tmp_path / "a.fw"), str(tmp_path / "b.mkv")]) == 0
    shown, _ = next(read_video(tmp_path / "b.mkv"))
    assert shown.shape == (256, 256, 3)
    assert np.abs(shown.astype(int) - 90).mean() > 20


def test_no_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "wide.mkv", [np.full((100, 200, 3), 90, np.uint8)])
    assert main(["encode", str(source), str(tmp_path / "a.fw")]) == 0
    assert "no face was found; the centre square is coded" in capsys.readouterr().out
    assert main(["encode", str(source), str(tmp_path / "b.fw"), "--crop", "centre"]) == 0
    assert "no face" not in capsys.readouterr().out
    assert (tmp_path / "a.fw").read_bytes() == (tmp_path / "b.fw").read_bytes()


@pytest.mark.parametrize("command", ["encode", "decode", "info"])
@pytest.mark.parametrize("name", ["absent", "noise", "empty", "."])
def test_inputs_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str) -> None:
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(4000))
    (tmp_path / "empty").write_bytes(b"")
    target = [] if command == "info" else [str(tmp_path / "out.mp4")]
    assert main([command, str(tmp_path / name), *target]) == 2
    one_line(capsys)
    assert not (tmp_path / "out.mp4").exists()


def test_a_file_cut_short_plays_up_to_the_cut(tmp_path: Path, coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = coded.read_bytes()
    (tmp_path / "cut.fw").write_bytes(data[:-20])
    assert main(["decode", str(tmp_path / "cut.fw"), str(tmp_path / "out.mkv")]) == 2
    assert f"ends early after {FRAMES - 1} whole frames" in one_line(capsys)
    assert len(list(read_video(tmp_path / "out.mkv"))) == FRAMES - 1
    assert main(["info", str(tmp_path / "cut.fw")]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["frames"] == FRAMES - 1
    assert "ends early" in captured.err


def test_a_file_cut_short_within_its_first_frame(
    tmp_path: Path, coded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.fw").write_bytes(coded.read_bytes()[:100])
    assert main(["decode", str(tmp_path / "cut.fw"), str(tmp_path / "out.mkv")]) == 2
    assert one_line(capsys).rstrip().endswith("after 0 whole frames; nothing is written")
    assert not (tmp_path / "out.mkv").exists()


def test_a_frame_that_does_not_decode(tmp_path: Path, coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FileReader(coded) as reader:
        header, records = reader.header, list(reader)
    records[2] = FileRecord(records[2].pts, b"\xff\xff")
    with FileWriter(tmp_path / "bad.fw", header) as writer:
        for record in records:
            writer.write(record.data, pts=record.pts)
    assert main(["decode", str(tmp_path / "bad.fw"), str(tmp_path / "out.mkv")]) == 2
    assert "frame 2" in one_line(capsys)
    assert len(list(read_video(tmp_path / "out.mkv"))) == 2


def test_other_weights_are_named(tmp_path: Path, coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = f"{CodecConfig().weights}-00c0ffee"
    for weights, told in ((other, other), ("unheard-of-12345678", "unheard-of")):
        with FileWriter(tmp_path / "a.fw", FileHeader(size=256, fps=Fraction(25), weights=weights)) as writer:
            writer.write(b"frame", pts=0)
        assert main(["decode", str(tmp_path / "a.fw"), str(tmp_path / "b.mp4")]) == 2
        assert told in one_line(capsys)


def with_header(coded: Path, target: Path, **changes: Any) -> Path:
    """The coded clip behind another header, whole but for what it says."""
    with FileReader(coded) as reader:
        said = {
            "size": reader.header.size,
            "rate": reader.header.fps.as_integer_ratio(),
            "weights": reader.header.weights,
        }
        old = bytes(reader.header)
    said |= changes
    text = said["weights"].encode()
    header = FIXED_HEADER.pack(b"FWIR", 2, said["size"], *said["rate"], 90_000, len(text)) + text + b"\0"
    target.write_bytes(header + zlib.crc32(header).to_bytes(4, "big") + coded.read_bytes()[len(old) :])
    return target


@pytest.mark.parametrize("rate", [(1, 4294967295), (4294967295, 1), (4294967295, 4294967294)])
@pytest.mark.parametrize("command", ["decode", "info"])
def test_a_frame_rate_of_no_video_is_one_line(
    tmp_path: Path, coded: Path, capsys: pytest.CaptureFixture[str], rate: tuple[int, int], command: str
) -> None:
    source = with_header(coded, tmp_path / "a.fw", rate=rate)
    output = [str(tmp_path / "a.mp4")] if command == "decode" else []
    assert main([command, str(source), *output]) == 2
    assert "values out of range" in one_line(capsys)


def test_weights_are_looked_up_by_their_id_and_never_by_a_path(
    tmp_path: Path, coded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file from a stranger opens no file that it names; the name itself is for people."""
    with FileReader(coded) as reader:
        identifier = reader.header.weights.rpartition("-")[2]
    elsewhere = tmp_path / "own.safetensors"
    elsewhere.write_bytes(find(CodecConfig().weights)[0].read_bytes() + b" ")
    opened: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or read_bytes(path))
    for name in (str(elsewhere), "/dev/zero.safetensors", "another name"):
        source = with_header(coded, tmp_path / "a.fw", weights=f"{name}-{identifier}")
        assert main(["decode", str(source), str(tmp_path / "a.mkv")]) == 0
        source = with_header(coded, tmp_path / "b.fw", weights=f"{name}-{identify(str(elsewhere)).hex()}")
        opened.clear()
        assert main(["decode", str(source), str(tmp_path / "b.mkv")]) == 2
        assert "which are none of ours" in one_line(capsys)
        assert elsewhere not in opened


def test_an_output_no_player_opens(tmp_path: Path, coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(coded), str(tmp_path / "a.avi")]) == 2
    assert ".mkv" in one_line(capsys)
    assert main(["decode", str(coded), str(tmp_path / "absent" / "a.mkv")]) == 2
    one_line(capsys)


def test_input_and_output_are_two(coded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = coded.read_bytes()
    assert main(["encode", str(coded), str(coded)]) == 2
    assert "one file" in one_line(capsys)
    assert coded.read_bytes() == before


@pytest.mark.parametrize(
    "flags", [["--qp", "99"], ["--qp", "x"], ["--size", "300"], ["--limit", "0"], ["--weights", "none"], ["--wat"]]
)
def test_wrong_flags(tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    try:
        code: object = main(["encode", str(clip), str(tmp_path / "a.fw"), *flags])
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    one_line(capsys)
    assert not (tmp_path / "a.fw").exists()


@pytest.fixture
def listening() -> Iterator[None]:
    """SIGINT interrupts: a shell makes what it starts in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_file_plays(
    tmp_path: Path,
    clip: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    signal_number: signal.Signals,
) -> None:
    encode = Encoder.encode

    def encode_and_interrupt(self: Encoder, image_rgb: Picture, *, pts: int) -> object:
        if pts == 2 * 3600:
            os.kill(os.getpid(), signal_number)
        return encode(self, image_rgb, pts=pts)

    monkeypatch.setattr(Encoder, "encode", encode_and_interrupt)
    assert main(["encode", str(clip), str(tmp_path / "a.fw")]) == 130
    assert "interrupted" in one_line(capsys)
    with FileReader(tmp_path / "a.fw") as reader:
        assert len(list(reader)) == 3  # the picture in hand too
        assert reader.damage is None
