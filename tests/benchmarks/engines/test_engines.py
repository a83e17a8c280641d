"""The comparison of engines: one short run of the whole command on the bundled clip, and what is made of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.clips.clip import load_clip
from benchmarks.clips.sample import SAMPLE
from benchmarks.engines import onnxruntime_engine as engineonnxruntime
from benchmarks.engines.graphs import error_of, rotated, tensors_of
from benchmarks.engines.inputs import SAMPLES, inputs_of, pairs_of
from benchmarks.engines.report import read_engines
from benchmarks.engines.rows import ALL, COVERED, SUMS, EngineSettings, GraphRow, as_run
from benchmarks.engines.streams import variants
from benchmarks.errors import ResultsError, SettingError
from benchmarks.records.spread import Spread
from codec.engines.openvino_engine import float_precision
from codec.graphs.files import NAMES, QUANTIZED
from codec.units import Array
from codec.weights import files as weights

pytestmark = pytest.mark.timeout(300)  # every engine compiles every graph, on a machine that may be busy

FLOATS = {"f32", "bf16"} if float_precision() == "bf16" else {"f32"}


@pytest.fixture(scope="module", autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("engines")
    flags = ["--size", "256", "--seconds", "0.2", "--runs", "2", "--threads", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engineonnxruntime, "is_there", lambda: False)
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
        assert rows[name, "openvino", "int8"]["relative_error"] < 0.1


def test_the_same_bytes_come_out_nearly_alike(report: dict[str, Any]) -> None:
    rows = {(row["engine"], row["precision"], row["where"]): row for row in report["decodes"]}
    assert set(rows) == {
        *((engine, each, ALL) for engine in ("torch", "openvino") for each in FLOATS),
        *(("openvino", "int8", where) for where in (ALL, *QUANTIZED)),
    }
    assert rows["openvino", "f32", ALL]["psnr_change_db"] == 0
    ours = [row["psnr_db"] for row in report["decodes"] if row["engine"] == "openvino"]
    assert len(ours) == len(set(ours)) == len(FLOATS) + 1 + len(QUANTIZED)
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
    assert engineonnxruntime.HOW_TO_GET_IT in report["notes"]


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


def test_a_graph_that_a_precision_is_not_for_runs_in_the_next_finer_one() -> None:
    spread = Spread.of([1.0])
    rows = [
        GraphRow(256, name, "any", precision, spread, 1.0, 1, 1)
        for precision in ("f32", "bf16", "int8")
        for name in COVERED[precision]
    ]
    row_of = as_run(rows)
    assert row_of("generator", "any", "int8").precision == "int8"
    assert row_of("judgement", "any", "int8").precision == "bf16"
    assert row_of("warp", "any", "bf16").precision == "f32"
    assert {name for names in SUMS.values() for name in names} == set(NAMES)


def test_inputs_are_of_every_graph_and_the_pictures_between_are_others() -> None:
    config = EngineSettings(threads=1).config(256)
    pairs = pairs_of([SAMPLE], size=256, seconds=1)
    between = pairs_of([SAMPLE], size=256, seconds=1, between=True)
    assert len(pairs) == len(between) == SAMPLES
    assert not any((a[0] == b[0]).all() for a, b in zip(pairs, between, strict=True))
    inputs = inputs_of(pairs[:1], config)
    assert set(inputs) == set(NAMES)
    assert {name: len(kept) for name, kept in inputs.items() if len(kept) != 1} == {"extractor": 2}
    assert inputs["generator"][0][0].shape == (1, 3, 256, 256)


def test_int8_in_one_network_has_the_ranges_of_that_one_alone(tmp_path: Path) -> None:
    config = EngineSettings(threads=1).config(256)
    held = weights.load(config.weights)
    for variant in variants(held, config, tmp_path):
        if variant.where != ALL:
            own = weights.load(variant.config.weights)
            assert own.identifier == held.identifier
            assert own.ranges
            assert own.ranges.keys() <= tensors_of(variant.where, 256)
            assert own.ranges.items() <= held.ranges.items()


def test_everyone_begins_once() -> None:
    assert [rotated("abc", turn) for turn in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]


def test_errors_are_counted_over_all_outputs() -> None:
    def exact(array: Array) -> tuple[Array, ...]:
        return array, np.array([200], np.uint8)

    def other(array: Array) -> tuple[Array, ...]:
        return array + 1, np.array([203], np.uint8)

    ones = np.ones(3, np.float32)
    assert error_of(other, exact, [(ones,)]) == pytest.approx((3.0, 6 / 4, 6 / 203))


def test_without_bfloat16_or_ranges_there_is_float32_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = EngineSettings(threads=1).config(256)
    held = replace(weights.load(config.weights), ranges={})
    monkeypatch.setattr("benchmarks.engines.streams.float_precision", lambda: "f32")
    found = variants(held, config, tmp_path)
    assert [(one.engine, one.precision) for one in found] == [("torch", "f32"), ("openvino", "f32")]


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


@pytest.mark.skipif(not engineonnxruntime.is_there(), reason="ONNX Runtime, which nothing here needs, is not installed")
def test_onnx_runtime_says_what_torch_says(tmp_path: Path) -> None:
    from benchmarks.engines.onnxruntime_engine import OnnxRuntimeEngine
    from codec.engines.torch_engine import TorchEngine

    config = EngineSettings(threads=1).config(256)
    held = weights.load(config.weights)
    inputs = inputs_of(pairs_of([SAMPLE], size=256, seconds=0.2)[:2], config)
    exact = TorchEngine(held, threads=1, precision="f32").load("judgement", size=256)
    relative = {}
    for precision in ("f32", "int8"):
        engine = OnnxRuntimeEngine(held, tmp_path, threads=1, precision=precision, calibration=inputs)
        *_, relative[precision] = error_of(engine.load("judgement", size=256), exact, inputs["judgement"])
    assert relative["f32"] < 1e-5 < relative["int8"] < 0.1
