"""Stages 3 and 9, as they are fed: what is recorded of real frames."""

import pytest

from benchmarks.clips.sample import SAMPLE
from benchmarks.engines.inputs import SAMPLES, inputs_of, pairs_of
from benchmarks.engines.rows import EngineSettings
from codec.graphs.files import NAMES

pytestmark = pytest.mark.timeout(300)  # every engine compiles every graph, on a machine that may be busy


def test_inputs_are_of_every_graph_and_the_pictures_between_are_others() -> None:
    config = EngineSettings(threads=1).config(256)
    pairs = pairs_of([SAMPLE], size=256, seconds=1)
    between = pairs_of([SAMPLE], size=256, seconds=1, between=True)
    assert len(pairs) == len(between) == SAMPLES
    assert not any((a[0] == b[0]).all() for a, b in zip(pairs, between, strict=True))
    inputs = inputs_of(pairs[:1], config)
    assert set(inputs) == set(NAMES)
    several = {"extractor": 2, "keypoints": 2, "landmarks": 5, "mouth_points": 5, "eye_points": 10}
    assert {name: len(kept) for name, kept in inputs.items() if len(kept) != 1} == several
    assert inputs["generator"][0][0].shape == (1, 3, 256, 256)
