"""int8: ranges that pad with zero, files that are refused by name, and integer arithmetic that really runs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from codec.config import CodecConfig
from codec.engines import calibrate
from codec.engines.int8 import aligned
from codec.engines.openvino_engine import OpenVinoEngine, compiled
from codec.engines.runtime import Runtime
from codec.errors import ConfigError, WeightsError
from codec.graphs import files as graphs
from codec.weights import files as weights

SAMPLE = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"


@pytest.fixture
def own_weights(tmp_path: Path) -> Path:
    """The shipped weights under another name, with nothing beside them."""
    path = tmp_path / "own.safetensors"
    shutil.copy(weights.find(CodecConfig().weights)[0], path)
    return path


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_zero_lies_on_a_level(a: float, b: float) -> None:
    low, high = aligned((min(a, b), max(a, b)))
    step = (high - low) / 255
    assert low <= 0 <= high
    assert abs(low / step - round(low / step)) < 1e-6
    assert low <= min(a, b, 0) + step
    assert high >= max(a, b, 0) - step


def test_the_shipped_weights_have_a_range_for_every_convolution() -> None:
    held = weights.load(CodecConfig().weights)
    for name, tensor in held.tensors.items():
        if name.split(".")[0] in graphs.QUANTIZED_NETWORKS and tensor.ndim == 4:
            low, high = held.ranges[name]
            assert low < high, name


@pytest.mark.parametrize("name", graphs.QUANTIZED)
def test_convolutions_run_on_integers(name: str) -> None:
    held = weights.load(CodecConfig().weights)
    operations = compiled(held, name, size=256, threads=1, precision="int8").get_runtime_model().get_ops()
    kinds = [
        operation.get_rt_info()["runtimePrecision"].astype(str)
        for operation in operations
        if operation.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]
    assert kinds
    assert set(kinds) <= {"u8", "i8"}, kinds


def test_weights_without_ranges_run_in_floats(own_weights: Path) -> None:
    assert not weights.load(str(own_weights)).ranges
    picture = np.zeros((256, 256, 3), np.uint8)
    assert Runtime(CodecConfig(weights=str(own_weights))).extract(picture)[0].shape == (28, 3)
    with pytest.raises(ConfigError, match="calibrate"):
        OpenVinoEngine(weights.load(str(own_weights)), threads=1, precision="int8")


def test_calibration_writes_what_is_read_back(own_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate.main([str(SAMPLE), "--weights", str(own_weights)]) == 0
    assert "own.int8.json" in capsys.readouterr().out
    ranges = weights.load(str(own_weights)).ranges
    shipped = weights.load(CodecConfig().weights).ranges
    assert ranges.keys() == shipped.keys()
    wide = [(high - low) / (shipped[name][1] - shipped[name][0]) for name, (low, high) in ranges.items()]
    assert 0.5 < float(np.median(wide)) < 2, "one clip's ranges are like those of many"
    OpenVinoEngine(weights.load(str(own_weights)), threads=1, precision="int8")


def test_ranges_of_other_weights_are_not_taken(own_weights: Path) -> None:
    shutil.copy(weights.ranges_path(weights.find(CodecConfig().weights)[0]), weights.ranges_path(own_weights))
    assert weights.load(str(own_weights)).ranges
    tensors = load(own_weights.read_bytes())
    tensors["generator.leave.bias"] = tensors["generator.leave.bias"] * 0
    own_weights.write_bytes(save(tensors))
    assert not weights.load(str(own_weights)).ranges


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"weights_id": 3}',
        '{"weights_id": "ID"}',
        '{"weights_id": "ID", "ranges": {"a": [1]}}',
        '{"weights_id": "ID", "ranges": {"a": ["b", "c"]}}',
        '{"weights_id": "ID", "ranges": {"a": [2, 1]}}',
        '{"weights_id": "ID", "ranges": {"a": [NaN, 1]}}',
        '{"weights_id": "ID", "ranges": {"a": [0, Infinity]}}',
        '{"weights_id": "ID", "ranges": {"a": [0, 1' + "0" * 400 + "]}}",
    ],
)
def test_damaged_ranges_are_refused_by_name(text: str, own_weights: Path) -> None:
    identifier = weights.load(str(own_weights)).identifier.hex()
    weights.ranges_path(own_weights).write_text(text.replace("ID", identifier))
    own_weights.write_bytes(own_weights.read_bytes())
    if text == '{"weights_id": 3}':
        assert not weights.load(str(own_weights)).ranges
        return
    with pytest.raises(WeightsError, match=r"own\.int8\.json"):
        weights.load(str(own_weights))


def test_calibration_mends_damaged_ranges(own_weights: Path) -> None:
    weights.ranges_path(own_weights).write_text("damaged")
    assert calibrate.main([str(SAMPLE), "--weights", str(own_weights)]) == 0
    assert weights.load(str(own_weights)).ranges


def test_calibration_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clip.mp4").write_text("no video")
    assert calibrate.main([str(tmp_path / "clip.mp4")]) == 2
    assert capsys.readouterr().err.startswith("facewire calibrate: ")
    assert json.loads(weights.ranges_path(weights.find(CodecConfig().weights)[0]).read_text())["ranges"]
