"""Stage 10, display (offline): the tables of the rate benchmark, cell by cell."""

from dataclasses import replace

from benchmarks.rate.display.tables import COLUMNS, faceless_line, rate_table, spending_table
from benchmarks.rate.results.rows import (
    FACEWIRE,
    FREEZE,
    PROTOTYPE,
    RateRow,
    mean_rows,
)


def test_what_motion_costs_is_shown_for_those_that_send_it(row: RateRow) -> None:
    rows = [replace(row, codec=codec) for codec in (FREEZE, FACEWIRE, "x264", PROTOTYPE)]
    table = spending_table(rows)
    assert list(table.columns[1].cells) == [FACEWIRE, PROTOTYPE]
    assert [next(iter(column.cells)) for column in table.columns[4:]] == ["900", "5.0", "1.00", "1.00"]


def test_frames_without_a_face_are_counted_aloud(row: RateRow) -> None:
    assert faceless_line([row]) == ""
    seen, hidden = replace(row, without_face=0), replace(row, clip="b", without_face=3)
    assert faceless_line([seen]).endswith("landmarks: none")
    assert faceless_line([seen, hidden, *mean_rows([seen, hidden])]).endswith("landmarks: b 3")


def test_the_table_has_a_row_for_each(row: RateRow) -> None:
    table = rate_table([row, replace(row, lpips=None)], title="a")
    assert len(table.rows) == 2
    assert list(table.columns[COLUMNS.index("LPIPS")].cells) == ["0.100", "-"]
