"""Stage 10, display (offline): documents say what results files say, row by row."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import ResultsError
from benchmarks.rate.display.documents import files_named, refreshed
from benchmarks.rate.report import Run, read_run
from benchmarks.rate.results.rows import FACEWIRE, PERCEPTUAL, RateRow

ROOT = Path(__file__).parents[4]
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "quality.md")


@pytest.fixture
def run(measured_rows: Callable[..., list[RateRow]]) -> Run:
    ours = measured_rows()
    theirs = [replace(one, codec="svtav1", kbps=2 * one.kbps) for one in ours if one.codec == FACEWIRE]
    return Run(name="r", size=256, anchors=("svtav1",), conditions={}, weights="w", rows=(*ours, *theirs))


def filled(table: str, run: Run) -> list[str]:
    """The last cells of a table's rows."""
    text = refreshed(f"before\n\n{table}\n\nafter", run, file="r.json")
    assert text.startswith("before\n\n<!--")
    assert text.endswith("|\n\nafter")
    return [line.rsplit("|", 2)[1].strip() for line in text.split("\n") if line.startswith("|")][2:]


def test_means_and_clips(run: Run) -> None:
    table = "<!-- figures: r.json -->\n| codec | setting | kbps |\n|---|---|---|\n| facewire | qp 44 | 9 |"
    assert filled(table + "\n| SVT-AV1 preset 8 | qp 44 | |", run) == ["4.0", "8.0"]
    table = (
        "<!-- figures: r.json -->\n| clip | codec | setting | PSNR dB |\n|---|---|---|---|\n| b | facewire | qp 20 | |"
    )
    assert filled(table, run) == ["29.00"]


def test_a_setting_behind_the_codec(run: Run) -> None:
    table = "<!-- figures: r.json -->\n| codec | verdict | LPIPS |\n|---|---|---|\n| facewire, qp 20 | kept | |"
    assert "| facewire, qp 20 | kept | 0.120 |" in refreshed(table + "\n", run, file="r.json")


def test_rows_of_other_files_stay(run: Run) -> None:
    head = "| version | codec | setting | kbps |\n|---|---|---|---|\n"
    rows = "| before | facewire | qp 44 | 9 |\n| now | facewire | qp 44 | 9 |"
    assert filled(f"<!-- figures: before=old.json now=r.json -->\n{head}{rows}", run) == ["9", "4.0"]
    assert filled(f"<!-- figures: now=r.json -->\n{head}{rows}", run) == ["9", "4.0"]
    other = f"<!-- figures: other.json -->\n{head}{rows}"
    assert refreshed(other, run, file="r.json") == other
    assert files_named(f"<!-- figures: before=old.json now=r.json -->\n{other}") == ["old.json", "r.json", "other.json"]


def test_gains(run: Run) -> None:
    table = (
        "<!-- gains: r.json svtav1 -->\n| clip | PSNR, below 12 kbps | PSNR |\n|---|---|---|\n| a | | |\n| mean | | |"
    )
    assert filled(table, run) == ["-50.0 (100%, 100%)"] * 2
    with pytest.raises(ResultsError, match="no clip c"):
        filled(table.replace("| a |", "| c |"), run)
    tuned = [replace(one, codec=PERCEPTUAL, kbps=one.kbps / 2) for one in run.rows if one.codec == FACEWIRE]
    both = replace(run, rows=(*run.rows, *tuned))
    assert filled(table.replace("svtav1 -->", "svtav1 of facewire, perceptual -->"), both) == ["-75.0 (100%, 100%)"] * 2


def test_a_row_that_the_file_lacks(run: Run) -> None:
    table = "<!-- figures: r.json -->\n| codec | setting | kbps |\n|---|---|---|\n| facewire | qp 99 | 9 |"
    with pytest.raises(ResultsError, match=r"r\.json has no row for mean, facewire, qp 99"):
        filled(table, run)
    assert filled(table.replace("r.json", "partly r.json"), run) == ["9"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_are_as_the_results_files_have_them(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert files_named(text)
    for name in files_named(text):
        assert refreshed(text, read_run(RESULTS / name), file=name) == text, f"table {name} --into {path.name}"
