"""Stage 10, display (offline): old results against new ones."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.errors import ResultsError
from benchmarks.rate.compare import bd_table, new_against_old, pair_table, pairs, warnings
from benchmarks.rate.report import Run
from benchmarks.rate.results.rows import FREEZE, RateRow

MeasuredRows = Callable[..., list[RateRow]]


def run(name: str, listed: list[RateRow], **conditions: Any) -> Run:
    held = {"size": 256, "seconds": 10.0, "every": 3, "clips": {"a": "1", "b": "2"}} | conditions
    return Run(name, 256, (), held, "first (abc)", tuple(listed))


def test_new_weights_that_save_a_quarter(measured_rows: MeasuredRows) -> None:
    old, new = run("old", measured_rows()), run("new", measured_rows(saving=0.75))
    found = pairs(old, new)
    assert [(pair.new.clip, pair.new.setting) for pair in found[:3]] == [("a", f"qp {qp}") for qp in (44, 32, 20)]
    assert [pair.new.clip for pair in found[-3:]] == ["mean"] * 3
    deltas = new_against_old(old, new)
    assert [one.clip for one in deltas] == ["a", "b", "mean"]
    for one in deltas:
        assert one.psnr.value == pytest.approx(-25)
        assert one.ms_ssim.value == pytest.approx(-25)
        assert one.lpips is not None
        assert one.lpips.value == pytest.approx(-25)
    assert next(iter(pair_table(found).columns[3].cells)) == "4.00 -> 3.00 (-1.00)"
    assert len(bd_table(deltas).rows) == 3
    assert warnings(old, new) == []


def test_without_lpips_in_both_it_is_not_compared(measured_rows: MeasuredRows) -> None:
    old = run("old", [replace(row, lpips=None) for row in measured_rows()])
    assert all(one.lpips is None for one in new_against_old(old, run("new", measured_rows())))
    assert next(iter(pair_table(pairs(old, run("new", measured_rows()))).columns[6].cells)) == "-"


def test_only_what_both_have_is_compared(measured_rows: MeasuredRows) -> None:
    new = run("new", [row for row in measured_rows() if row.clip == "b"])
    assert {pair.new.clip for pair in pairs(run("old", measured_rows()), new)} == {"b", "mean"}
    with pytest.raises(ResultsError, match="no clip in common"):
        pairs(run("old", measured_rows()), run("new", [replace(row, clip="c") for row in measured_rows()]))
    with pytest.raises(ResultsError, match="no setting in common"):
        pairs(run("old", measured_rows()), run("new", [replace(row, setting="other") for row in measured_rows()]))


def test_what_speaks_against_the_comparison_is_said(measured_rows: MeasuredRows) -> None:
    other = [replace(row, psnr_db=row.psnr_db + 1) if row.codec == FREEZE else row for row in measured_rows()]
    said = warnings(run("old", measured_rows()), run("new", other, seconds=5.0, clips={"a": "1", "b": "3"}))
    assert said == [
        "seconds was 10.0 in old and is 5.0 in new",
        "b is another file in new",
        f"{FREEZE} has another PSNR in new: the clips or the coder are not the same",
    ]


@pytest.mark.parametrize(("there", "said"), [("", 0), ("A, 2 cores", 0), ("B, 2 cores", 1)])
def test_another_machine_is_said(measured_rows: MeasuredRows, there: str, said: int) -> None:
    old, new = (run(name, measured_rows()) for name in ("old", "new"))
    found = warnings(replace(old, machine=there), replace(new, machine="A, 2 cores"))
    assert sum("another machine" in warning for warning in found) == said
