"""Stage 10, display (offline): the ways between two homes as JSON and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.errors import ResultsError
from benchmarks.network.paths.run import Line, PathRow, PathSettings, row_of, rows_as_dicts
from benchmarks.records.conditions import machine_lines
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = ["PathsRun", "no_plot", "paths_markdown", "paths_report", "read_paths", "show_paths"]

COLUMNS = (
    "between", "the call goes", "first s", "fps", "sender out kbps", "link", "in", "link", "receiver out kbps", "link",
    "in", "link",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PathsRun:
    """What a results file says that tables are made of."""

    rows: tuple[PathRow, ...]
    lines: tuple[str, ...]  # about the machine and the servers


def paths_report(
    settings: PathSettings,
    rows: Sequence[PathRow],
    *,
    servers: str,
    load_before: float | None,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    head = report_head("paths", settings, cores=(), load_before=load_before, provenance=provenance)
    return {**head, "servers": servers, "rows": rows_as_dicts(rows)}


def read_paths(report: dict[str, Any]) -> PathsRun:
    """What `paths_report` made. Raises ResultsError."""
    with results_of("paths"):
        check_kind(report, "paths")
        return PathsRun(tuple(map(row_of, report["rows"])), (*machine_lines(report), report["servers"]))


def cells(row: PathRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    return [
        f"{row.name}: {row.says}",
        f"{row.way or row.failure}{'' if row.as_expected else ' (not as expected)'}",
        "-" if row.first_picture_s is None else f"{row.first_picture_s:.1f}",
        "-" if row.fps is None else f"{row.fps:.1f}",
        *_rates(row.sender),
        *_rates(row.receiver),
    ]


def _rates(line: Line | None) -> list[str]:
    if line is None:
        return ["-"] * 4
    return [f"{rate:.2f}" for rate in (line.out_metered, line.out_carried, line.in_metered, line.in_carried)]


def show_paths(run: PathsRun, console: Console) -> None:
    """The table."""
    shown, styles = list(map(cells, run.rows)), [None if row.as_expected else "red" for row in run.rows]
    title = "calls between two homes"
    show_table(console, shown, lines=run.lines, title=title, columns=COLUMNS, left=COLUMNS[:2], styles=styles)


def paths_markdown(run: PathsRun) -> str:
    """The same as a section of a document."""
    return figures_section(run.lines, COLUMNS, list(map(cells, run.rows)))


def no_plot(run: PathsRun, path: Path) -> None:
    """There is nothing over time to draw. Raises ResultsError."""
    raise ResultsError(f"{path}: the ways between {len(run.rows)} homes are a table, and no plot")
