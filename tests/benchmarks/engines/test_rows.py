"""Stages 3, 8 and 9, on every engine: which precision a graph runs in."""

from benchmarks.engines.rows import COVERED, SUMS, GraphRow, as_run
from benchmarks.records.spread import Spread
from codec.graphs.files import NAMES


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
    assert row_of("mix", "any", "bf16").precision == "f32"
    assert {name for names in SUMS.values() for name in names} == set(NAMES)
