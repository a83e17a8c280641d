"""Stage 3 to 10, offline: the rate benchmark from the command line, on a fifth of a second of the sample clip."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.clip import load_clip
from benchmarks.errors import SettingError
from benchmarks.ours import Halves, bundles, run_codec
from benchmarks.rate import RateSettings, jobs, telling_frame
from benchmarks.rows import BASE, FREEZE, OURS, RateRow
from benchmarks.sample import SAMPLE
from codec import CodecConfig
from codec.errors import ConfigError


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rate") / "results"
    written = ["--json", str(out / "rate.json"), "--plot", str(out / "rate.png"), "--sheet", str(out / "sheet.jpg")]
    arguments = [
        "rate",
        str(SAMPLE),
        "--seconds",
        "0.2",
        "--qps",
        "24,48",
        "--anchors",
        "x264,svtav1",
        "--threads",
        "1",
    ]
    assert main([*arguments, *written]) == 0
    return out


def test_the_json_holds_rows_means_and_how_they_came_about(finished: Path) -> None:
    report = json.loads((finished / "rate.json").read_text())
    assert report["schema"] == 1
    assert report["environment"]["cpu"]
    assert report["environment"]["packages"]["torch"]
    assert report["settings"]["qps"] == [24, 48]
    assert report["settings"]["lpips"] is False
    assert set(report["anchors"]) == {"x264", "svtav1"}
    assert [set(row) for row in report["rows"]] == [{field.name for field in fields(RateRow)}] * len(report["rows"])
    assert [row["codec"] for row in report["rows"]] == [FREEZE, OURS, OURS, BASE, *["x264"] * 4, *["svtav1"] * 5]
    assert all(row["clip"] == "mean" for row in report["mean"])
    assert len(report["mean"]) == len(report["rows"])
    assert {one["clip"] for one in report["comparisons"]} == {"sample", "mean"}


def test_rates_add_up_and_qualities_are_sane(finished: Path) -> None:
    for row in json.loads((finished / "rate.json").read_text())["rows"]:
        assert row["kbps"] == pytest.approx(row["keyframe_kbps"] + row["reference_kbps"] + row["motion_kbps"])
        assert row["wire_kbps"] >= row["kbps"]
        assert 10 < row["psnr_db"] < 101
        assert 0 < row["ssim"] <= 1
        assert 0 < row["ms_ssim"] <= 1
        assert row["lpips"] is None
        assert math.isclose(row["frames"], 5)


def test_plot_and_sheet_are_pictures(finished: Path) -> None:
    assert (finished / "rate.png").read_bytes().startswith(b"\x89PNG")
    assert (finished / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")


def test_what_was_coded_is_what_is_counted() -> None:
    clip = load_clip(SAMPLE, size=256, seconds=0.2)
    coded = run_codec(clip, CodecConfig(size=256, threads=1))
    assert coded.pictures.shape == clip.pictures.shape
    assert coded.keyframe_bytes > coded.motion_bytes > 0
    assert coded.wire.out > coded.payload_bytes
    assert coded.wire.back % 93 == 0


def test_chained_frames_share_a_message() -> None:
    chained = (False, True, True, False, True)
    frames = [Halves(False, b"", bytes([n]), chain) for n, chain in enumerate(chained)]
    silent = Halves(False, b"", b"", False)
    assert bundles([*frames, silent]) == [[b"\0", b"\1", b"\2"], [b"\3", b"\4"]]


def test_without_the_residual_there_is_no_second_base_row() -> None:
    listed = jobs(RateSettings(anchors=(), residual=False))
    assert [job.codec for job in listed] == [FREEZE, OURS, OURS, OURS]
    listed = jobs(RateSettings(anchors=(), qps=(44, 20, 32)))
    assert [(job.codec, job.setting) for job in listed[-2:]] == [(OURS, "qp 44"), (BASE, "qp 32")]


def test_the_telling_frame_is_the_one_least_like_the_first() -> None:
    clip = load_clip(SAMPLE, size=256, seconds=1)
    far = np.clip(clip.pictures[10].astype(int) + 30, 0, 255).astype(np.uint8)
    faceless = np.full_like(far, 128)
    pictures = np.stack([clip.pictures[0], clip.pictures[4], far, faceless])
    assert telling_frame(replace(clip, pictures=pictures)) == 2
    assert telling_frame(replace(clip, pictures=pictures[[3, 3]])) in (0, 1)


@pytest.mark.parametrize("wrong", [{"qps": ()}, {"seconds": 0}, {"every": 0}, {"anchors": ("h263",)}])
def test_settings_check_themselves(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        RateSettings(**wrong)  # type: ignore[arg-type]


def test_a_qp_out_of_range_is_the_codecs_error() -> None:
    with pytest.raises(ConfigError):
        jobs(RateSettings(qps=(99,)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.mp4"], "gone.mp4: No such file"),
        ([__file__], "test_rate.py"),
        ([str(SAMPLE), "--lpips", "nowhere"], "nowhere: no usable alexnet_features.npz"),
        ([str(SAMPLE), "--anchors", "h263"], "unknown anchor 'h263'"),
        ([str(SAMPLE), str(SAMPLE)], "two clips have the same name"),
        ([str(SAMPLE), "--qps", "99"], "qp"),
        ([str(SAMPLE), "--seconds", "-1"], "must be positive"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rate", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("benchmarks: ")
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("wrong", [["--qps", "a,b"], ["--plot", "rates.pdf"], ["--size", "300"]])
def test_arguments_out_of_form_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["rate", str(SAMPLE), *wrong])
    assert wrong[0] in capsys.readouterr().err
