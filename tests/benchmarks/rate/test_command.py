"""Measuring rate: the whole command, on a fifth of a second of the sample clip, and its mistakes."""

import hashlib
import json
import math
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.clips.clip import Clip, load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import EncoderFailed
from benchmarks.rate import operating_points
from benchmarks.rate.anchors.coded_clip import CodedClip
from benchmarks.rate.anchors.encoder import encode
from benchmarks.rate.anchors.setups import ANCHORS, AnchorPoint, anchor_points
from benchmarks.rate.results.rows import BASE, FACEWIRE, FREEZE, PROTOTYPE, SINGLE, RateRow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rate") / "results"
    written = ["--json", str(out / "rate.json"), "--plot", str(out / "rate.png"), "--sheet", str(out / "sheet.jpg")]
    written += ["--details", str(out / "details.jpg")]
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
    assert report["schema"] == 2
    assert report["environment"]["cpu"]
    assert report["environment"]["packages"]["torch"]
    assert report["settings"]["qps"] == [24, 48]
    assert report["provenance"]["command"].startswith(f"python -m benchmarks rate {SAMPLE.name} ")
    assert report["provenance"]["clips"]["sample"]["sha256"] == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    assert report["provenance"]["nets"] == {}
    assert set(report["anchors"]) == {"x264", "svtav1"}
    assert [set(row) for row in report["rows"]] == [{field.name for field in fields(RateRow)}] * len(report["rows"])
    anchors = [name for name in ("x264", "svtav1") for _ in anchor_points(name, size=256)]
    codecs = [FREEZE, *[PROTOTYPE] * 3, FACEWIRE, FACEWIRE, BASE, SINGLE, *anchors]
    assert [row["codec"] for row in report["rows"]] == codecs
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
        assert row["motion_kbps"] == pytest.approx(row["motion_bytes_per_frame"] * row["fps"] * 8 / 1000)
        assert row["first_keyframe_bytes"] * 8 / 1000 / 0.2 == pytest.approx(row["keyframe_kbps"])


def test_plot_and_sheet_are_pictures(finished: Path) -> None:
    assert (finished / "rate.png").read_bytes().startswith(b"\x89PNG")
    assert (finished / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (finished / "details.jpg").read_bytes().startswith(b"\xff\xd8")


def test_table_and_plot_come_again_from_the_json(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = finished / "again.png"
    assert main(["table", str(finished / "rate.json"), "--plot", str(again), "--below", "40"]) == 0
    shown = capsys.readouterr().out
    assert "below 40 kbps % (PSNR)" in shown
    assert "motion B/frame" in shown
    assert again.read_bytes().startswith(b"\x89PNG")


def test_results_compared_with_themselves_show_no_change(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = str(finished / "rate.json")
    assert main(["compare", results, results]) == 0
    shown = capsys.readouterr().out
    assert "(+0.00)" in shown
    assert "careful" not in shown


def test_a_competitors_streams_are_rows_and_kept_rows_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = load_clip(SAMPLE, size=256, seconds=0.2)
    for crf in (40, 50):
        data = b"".join(picture.data for picture in encode(ANCHORS["x265"], clip, crf=crf).pictures)
        (tmp_path / f"sample-256-crf{crf}.265").write_bytes(data)
    arguments = ["rate", str(SAMPLE), "--seconds", "0.2", "--qps", "40", "--no-residual", "--references", "single"]
    arguments += ["--anchors", "x264", "--prototype-steps", "16", "--threads", "1"]
    arguments += ["--anchor-streams", f"other={tmp_path}/{{clip}}-{{size}}-*.265"]
    arguments += ["--anchor-cache", str(tmp_path / "kept"), "--json"]
    assert main([*arguments, str(tmp_path / "first.json")]) == 0
    first = json.loads((tmp_path / "first.json").read_text())
    size = (tmp_path / "sample-256-crf40.265").stat().st_size
    others = {row["setting"]: row for row in first["rows"] if row["codec"] == "other"}
    assert list(others) == ["crf40", "crf50"]
    assert others["crf40"]["kbps"] == pytest.approx(size * 8 / 1000 / clip.seconds)
    assert {one["anchor"] for one in first["comparisons"]} == {"x264", "other"} == set(first["anchors"])
    assert main(["table", str(tmp_path / "first.json"), "--plot", str(tmp_path / "first.png")]) == 0

    def nothing_is_measured_twice(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(operating_points, "run_anchor", nothing_is_measured_twice)
    monkeypatch.setattr(operating_points, "run_prototype", nothing_is_measured_twice)
    assert main([*arguments, str(tmp_path / "second.json")]) == 0
    second = json.loads((tmp_path / "second.json").read_text())
    kept = [[row for row in run["rows"] if row["codec"] != FACEWIRE] for run in (first, second)]
    assert kept[0] == kept[1]  # milliseconds as well
    assert len(kept[0]) == len(first["rows"]) - 1
    short = ["--seconds", "0.12", "--anchor-streams", f"other={tmp_path}/{{clip}}-*.265"]
    capsys.readouterr()
    assert main(["rate", str(SAMPLE), *short]) == 2
    assert "crf40.265: 5 pictures, but sample has 3" in capsys.readouterr().err


def test_an_encoder_that_fails_costs_its_row_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copy(SAMPLE, tmp_path / "other.mp4"))
    run, (first, *rest) = operating_points.run_anchor, anchor_points("x264", size=256)

    def fails_once(point: AnchorPoint, clip: Clip) -> CodedClip:
        if (point, clip.name) == (first, "other"):
            raise EncoderFailed("libx264 stalled or died 3 times")
        return run(point, clip)

    monkeypatch.setattr(operating_points, "run_anchor", fails_once)
    arguments = ["rate", str(SAMPLE), str(other), "--seconds", "0.2", "--qps", "40", "--no-residual"]
    arguments += ["--references", "single", "--anchors", "x264", "--prototype-steps", "", "--threads", "1"]
    written = ["--json", str(tmp_path / "rate.json"), "--plot", str(tmp_path / "rate.png")]
    assert main([*arguments, *written, "--sheet", str(tmp_path / "sheet.jpg")]) == 2
    shown = capsys.readouterr()
    missing = f"other, x264 {first.setting(256)} is missing: libx264 stalled or died 3 times"
    assert missing in shown.out
    assert shown.err.endswith(f"benchmarks: rows that are missing: 1; {missing}\n")
    report = json.loads((tmp_path / "rate.json").read_text())
    settings = {name: [row["setting"] for row in report["rows"] if (row["codec"], row["clip"]) == ("x264", name)]
                for name in ("sample", "other")}  # fmt: skip
    assert settings["sample"] == [point.setting(256) for point in (first, *rest)]
    assert settings["other"] == [point.setting(256) for point in rest]
    assert [row["setting"] for row in report["mean"] if row["codec"] == "x264"] == settings["other"]
    assert [failure["clip"] for failure in report["failures"]] == ["other"]
    assert main(["table", str(tmp_path / "rate.json")]) == 0
    assert missing in capsys.readouterr().out


def test_an_anchor_that_fails_throughout_is_left_out_of_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> CodedClip:
        raise EncoderFailed("libx264 stalled or died 3 times")

    monkeypatch.setattr(operating_points, "run_anchor", fails)
    arguments = ["rate", str(SAMPLE), "--seconds", "0.2", "--qps", "32,40", "--no-residual", "--references", "single"]
    arguments += ["--anchors", "x264", "--prototype-steps", "", "--threads", "1", "--plot", str(tmp_path / "rate.png")]
    pictures = ["--sheet", str(tmp_path / "sheet.jpg"), "--details", str(tmp_path / "details.jpg")]
    assert main([*arguments, *pictures]) == 2
    assert all((tmp_path / name).exists() for name in ("rate.png", "sheet.jpg", "details.jpg"))
    assert "x264 BD-rate (PSNR) n/a: anchor has fewer than 2 points" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.mp4"], "gone.mp4: no such file"),
        ([str(SAMPLE), "--anchor-streams", "vvc=gone/{clip}-*.266"], "vvc: no stream of sample at 256 fits"),
        ([str(SAMPLE), *["--anchor-streams", "a={clip}"] * 2], "two --anchor-streams have the same name"),
        ([str(SAMPLE), "--anchor-cache", f"{__file__}/below"], "Not a directory"),
        ([__file__], "test_command.py"),
        ([str(SAMPLE), "--lpips", "nowhere"], "nowhere: no usable alexnet_features.npz"),
        ([str(SAMPLE), "--landmarks", __file__], "test_command.py: no face landmark network"),
        ([str(SAMPLE), "--identity", "nowhere"], "identity needs the landmarks too"),
        ([str(SAMPLE), "--weights", "nowhere"], "no weights named 'nowhere'"),
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


@pytest.mark.parametrize(
    "wrong",
    [
        ["--qps", "a,b"],
        ["--anchor-streams", "vvc"],
        ["--plot", "rates.pdf"],
        ["--size", "300"],
        ["--jobs", "0"],
        ["--prototype-steps", "x"],
    ],
)
def test_arguments_out_of_form_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["rate", str(SAMPLE), *wrong])
    assert wrong[0] in capsys.readouterr().err
