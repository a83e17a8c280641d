"""Stages 8 and 9, the same bytes: which decoders are compared."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.engines.graphs import tensors_of
from benchmarks.engines.rows import ALL, EngineSettings
from benchmarks.engines.streams import variants
from codec.weights import files as weights

pytestmark = pytest.mark.timeout(300)  # every engine compiles every graph, on a machine that may be busy


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


def test_without_bfloat16_or_ranges_there_is_float32_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = EngineSettings(threads=1).config(256)
    held = replace(weights.load(config.weights), ranges={})
    monkeypatch.setattr("benchmarks.engines.streams.float_precision", lambda: "f32")
    found = variants(held, config, tmp_path)
    assert [(one.engine, one.precision) for one in found] == [("torch", "f32"), ("openvino", "f32")]
