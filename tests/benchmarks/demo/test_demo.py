"""The demo: what goes in, how recordings are lined up and measured, what is burnt in; the call itself is not run."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.calls.processes import ProcessFailed
from benchmarks.demo import __main__ as demo
from benchmarks.demo.__main__ import DemoOptions, columns, measure, prepare, quality, table
from benchmarks.demo.montage import HEADER, PANEL, Column, Recording, psnr_db, read_recording, write_montage
from benchmarks.errors import BenchmarkError, ClipError
from codec.errors import MediaError
from codec.pictures.video import VideoWriter

STEP = 3600


def recording(count: int, *, shade: int = 0, start: int = 0, size: int = 32) -> Recording:
    pictures = tuple(np.full((size, size, 3), 20 * index + shade, np.uint8) for index in range(count))
    return Recording(tuple(start + index * STEP for index in range(count)), pictures)


def test_a_recording_shows_the_newest_picture_that_is_not_later() -> None:
    made = recording(3, start=STEP)
    assert made.at(0) is None
    assert made.at(STEP) is made.pictures[0]
    assert made.at(2 * STEP - 1) is made.pictures[0]
    assert made.at(100 * STEP) is made.pictures[2]


def test_rounded_time_stamps_snap_to_the_originals() -> None:
    original = (0, 3000, 6000, 9000)
    rounded = Recording((2970, 6030, 9090), tuple(np.full((2, 2, 3), value, np.uint8) for value in (1, 2, 3)))
    snapped = rounded.snapped(original)
    assert snapped.pts == (3000, 6000, 9000)
    assert snapped.at(6000) is rounded.pictures[1]
    assert Recording().snapped(original) == Recording()


def test_recordings_come_back_as_they_were_written(tmp_path: Path) -> None:
    made = recording(4, start=5 * STEP)
    with VideoWriter(tmp_path / "a.mkv") as writer:
        for pts, picture in zip(made.pts, made.pictures, strict=True):
            writer.write(picture, pts=pts)
    back = read_recording(tmp_path / "a.mkv")
    assert back.pts == made.pts
    assert all((a == b).all() for a, b in zip(back.pictures, made.pictures, strict=True))
    assert read_recording(tmp_path / "none.mkv") == Recording()


def test_quality_counts_what_is_seen_and_what_came() -> None:
    original = recording(4)
    exact = quality(original, original)
    assert (exact["psnr_db"], exact["psnr_of_coded_db"], exact["fps"]) == (100, 100, 25)
    half = Recording(original.pts[::2], original.pictures[::2])
    seen = quality(original, half)
    assert seen["psnr_of_coded_db"] == 100
    assert seen["psnr_db"] == pytest.approx((100 + psnr_db(original.pictures[1], original.pictures[0])) / 2, abs=0.01)
    assert quality(original, Recording())["psnr_db"] is None


def test_psnr_is_capped_and_exact() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(black, black) == 100
    assert psnr_db(black, black + 255) == 0


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"half": ')


def line(time_s: float, *, payload: int) -> dict[str, Any]:
    flow = {
        "totals": {
            "payload_bytes": payload,
            "packet_bytes": payload,
            "wire_bytes": 2 * payload,
            "lost": 1,
            "expected": 4,
        },
        "delay_ms": 100.0,
        "pts": 0,
    }
    connection = {"in_kbps": 30.0, "out_kbps": 3.0}
    return {"time_s": time_s, "keypoints": flow, "h264": flow, "connection": connection, "stages_ms": {"render": 9.0}}


@pytest.fixture
def figures(tmp_path: Path) -> dict[str, Any]:
    write_lines(tmp_path / "sender.jsonl", [line(1.0, payload=100), line(2.0, payload=2000)])
    write_lines(tmp_path / "receiver.jsonl", [line(1.0, payload=100), line(2.0, payload=2000)])
    received = {"keypoints": recording(4, shade=3), "h264": recording(2)}
    return measure(recording(4), received, tmp_path)  # type: ignore[arg-type]


def test_figures_are_taken_from_both_ends(figures: dict[str, Any]) -> None:
    own = figures["keypoints"]
    assert own["payload_kbps"] == 8
    assert own["wire_kbps"] == 16
    assert own["loss"] == 0.25
    assert own["delay_ms"] == 100
    assert figures["stages_ms"]["receiver"] == {"render": 9.0}
    assert figures["seconds"] == pytest.approx(0.16)
    assert [row for column in table(figures).columns[:2] for row in column.cells] == [
        "keypoints",
        "H.264",
        "8.0",
        "8.0",
    ]


def test_a_call_without_meters_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="too short"):
        measure(recording(4), {"keypoints": Recording(), "h264": Recording()}, tmp_path)


def test_the_montage_has_a_picture_for_each_original(tmp_path: Path, figures: dict[str, Any]) -> None:
    received = {"keypoints": recording(4, shade=3), "h264": Recording()}
    path = tmp_path / "demo.mp4"
    counts = list(write_montage(path, columns(recording(4), received, figures)))  # type: ignore[arg-type]
    assert counts == [1, 2, 3, 4]
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert "reconstructed" in container.metadata["comment"]
    assert len(frames) == 4
    assert frames[0].shape[0] == HEADER + PANEL
    middle = frames[3][HEADER + 40 : HEADER + 80, PANEL + 50 : PANEL + 90]
    assert abs(float(middle.mean()) - 63) < 4


def test_the_label_is_in_the_picture(tmp_path: Path) -> None:
    made = Recording((0, STEP), (np.full((32, 32, 3), 128, np.uint8),) * 2)
    for name, label in (("a", ""), ("b", "reconstructed")):
        list(write_montage(tmp_path / f"{name}.mp4", [Column("x", made, label=label)]))
    corner = [read_recording(tmp_path / f"{name}.mp4").pictures[0][-40:, :150].std() for name in "ab"]
    assert corner[0] < 3 < corner[1]


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


def test_what_fails_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, write_video: Any
) -> None:
    missing = str(tmp_path / "none.mp4")
    assert demo.main(["--input", missing, "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"demo: {missing}")

    def fail(*_: object) -> None:
        raise ProcessFailed("sender failed: facewire-send: no weights")

    monkeypatch.setattr(demo, "call", fail)
    clip = str(write_video("square.mp4", frames=4, height=96, width=96))
    assert demo.main(["--input", clip, "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "demo: sender failed: facewire-send: no weights\n"
