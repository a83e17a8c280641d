"""Stages 3 and 9, for comparison only: ONNX Runtime, where it happens to be installed."""

from pathlib import Path

import pytest

from benchmarks.clips.sample import SAMPLE
from benchmarks.engines import onnxruntime_engine
from benchmarks.engines.graphs import error_of
from benchmarks.engines.inputs import inputs_of, pairs_of
from benchmarks.engines.rows import EngineSettings
from codec.weights import files as weights

pytestmark = pytest.mark.timeout(300)  # every engine compiles every graph, on a machine that may be busy


@pytest.mark.skipif(not onnxruntime_engine.is_there(), reason="ONNX Runtime, which nothing needs, is not installed")
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
