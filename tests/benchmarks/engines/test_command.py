"""Measuring engines: one short run of the whole command on the sample clip, and its mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.clips.clip import load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.engines import onnxruntime_engine
from benchmarks.engines.report import read_engines
from benchmarks.engines.rows import ALL, COVERED, EngineSettings
from benchmarks.errors import ResultsError, SettingError
from codec.engines.openvino_engine import float_precision
from codec.engines.saturation import weight_headroom
from codec.graphs.files import NAMES, QUANTIZED

pytestmark = pytest.mark.timeout(300)  # every engine compiles every graph, on a machine that may be busy
FLOATS = {"f32", "bf16"} if float_precision() == "bf16" else {"f32"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("engines")
    flags = ["--size", "256", "--seconds", "0.2", "--runs", "2", "--threads", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime_engine, "is_there", lambda: False)
        status = main(["engines", *flags, "--json", str(folder / "e.json"), "--plot", str(folder / "e.png")])
    assert status == 0
    assert (folder / "e.png").stat().st_size > 10_000
    loaded: dict[str, Any] = json.loads((folder / "e.json").read_text())
    return loaded


def test_every_graph_has_a_row_for_every_precision_that_is_for_it(report: dict[str, Any]) -> None:
    found = {(row["graph"], row["engine"], row["precision"]) for row in report["graphs"]}
    expected = {(name, engine, each) for engine in ("torch", "openvino") for each in FLOATS for name in COVERED[each]}
    assert found == expected | {(name, "openvino", "int8") for name in QUANTIZED}
    for row in report["graphs"]:
        spread = row["ms"]
        assert 0 < spread["p25"] <= spread["median"] <= spread["p75"]
        assert spread["count"] == 2
        assert row["weights_bytes"] == row["weights"] * {"f32": 4, "bf16": 2, "int8": 1}[row["precision"]]


def test_errors_are_small_in_float32_and_larger_in_int8(report: dict[str, Any]) -> None:
    rows = {(row["graph"], row["engine"], row["precision"]): row for row in report["graphs"]}
    for name in NAMES:
        assert rows[name, "torch", "f32"]["max_error"] is None
        assert rows[name, "openvino", "f32"]["relative_error"] < 1e-5
    for name in QUANTIZED:
        assert rows[name, "openvino", "f32"]["mean_error"] < rows[name, "openvino", "int8"]["mean_error"]
        # Where sums of eight bits would be cut off, weights have seven.
        assert rows[name, "openvino", "int8"]["relative_error"] < (0.1 if weight_headroom() == 1 else 0.15)


def test_the_same_bytes_come_out_nearly_alike(report: dict[str, Any]) -> None:
    rows = {(row["engine"], row["precision"], row["where"]): row for row in report["decodes"]}
    assert set(rows) == {
        *((engine, each, ALL) for engine in ("torch", "openvino") for each in FLOATS),
        *(("openvino", "int8", where) for where in (ALL, *QUANTIZED)),
    }
    assert rows["openvino", "f32", ALL]["psnr_change_db"] == 0
    qualities = [row["psnr_db"] for row in report["decodes"] if row["engine"] == "openvino"]
    assert len(qualities) == len(set(qualities)) == len(FLOATS) + 1 + len(QUANTIZED)
    for row in report["decodes"]:
        assert abs(row["psnr_change_db"]) < 0.2
        assert row["lpips"] is row["lpips_change"] is None
    (clip,) = report["clips"]
    assert (clip["clip"], clip["size"], len(clip["rows"])) == ("sample", 256, len(rows))


def test_the_file_says_where_it_comes_from(report: dict[str, Any]) -> None:
    assert (report["schema"], report["benchmark"]) == (1, "engines")
    assert report["provenance"]["clips"]["sample"]["sha256"]
    assert report["provenance"]["ranges"]["sha256"]
    assert report["environment"]["cpu"]
    assert onnxruntime_engine.HOW_TO_GET_IT in report["notes"]


def test_tables_come_back_from_the_file_and_go_into_a_document(
    report: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, document = tmp_path / "e.json", tmp_path / "page.md"
    path.write_text(json.dumps(report))
    document.write_text("before\n<!-- engines figures -->\nold\n<!-- end of engines figures -->\nafter\n")
    assert main(["table", str(path), "--into", str(document), "--plot", str(tmp_path / "again.png")]) == 0
    assert "int8: generator" in capsys.readouterr().out
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| generator | 256 | openvino | int8 |" in text
    assert "pip install -c constraints.txt onnxruntime onnx" in text
    with pytest.raises(ResultsError, match="schema 99"):
        read_engines({**report, "schema": 99})


def test_what_cannot_be_measured_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (
        [str(tmp_path / "none.mp4")],
        [str(SAMPLE), str(SAMPLE)],
        ["--seconds", "0"],
        ["--weights", "nowhere"],
        ["--lpips", str(tmp_path)],
        ["--threads", "4096"],
    ):
        assert main(["engines", *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("benchmarks: ")
        assert len(error.splitlines()) == 1
    monkeypatch.setattr("benchmarks.engines.command.find_spec", lambda _: None)
    assert main(["engines"]) == 2
    assert "pip install openvino" in capsys.readouterr().err
    with pytest.raises(SettingError):
        EngineSettings(seconds=-1)
    assert len(load_clip(SAMPLE, size=256, seconds=0.2).pictures) == 5
