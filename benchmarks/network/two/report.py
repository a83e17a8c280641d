"""Stage 10, display (offline): two calls that share a line, as JSON and as a table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.errors import ResultsError
from benchmarks.network.two.run import CallRow, Flat, TwoSettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = ["TwoRun", "no_plot", "read_two", "show_two", "two_markdown", "two_report"]

COLUMNS = (
    "call", "in kbps", "share %", "fps", "delay ms, first third", "last", "longest s without", "sound made up %",
    "sender MB", "threads", "receiver MB", "threads",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TwoRun:
    """What a results file says that tables are made of."""

    rows: tuple[CallRow, ...]
    lines: tuple[str, ...]  # about the machine and the line


def two_report(
    settings: TwoSettings, rows: Sequence[CallRow], *, load_before: float | None, provenance: dict[str, Any]
) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    head = report_head("two", settings, cores=(), load_before=load_before, provenance=provenance)
    line = f"{settings.kbps:g} kbit/s each way, {settings.loss:g} % lost, {settings.seconds:g} s"
    return {**head, "line": line, "rows": [asdict(row) for row in rows]}


def read_two(report: dict[str, Any]) -> TwoRun:
    """What `two_report` made. Raises ResultsError."""
    with results_of("two"):
        check_kind(report, "two")
        return TwoRun(tuple(_row(row) for row in report["rows"]), (*machine_lines(report), report["line"]))


def _row(row: dict[str, Any]) -> CallRow:
    ends = {
        end: Flat(memory_mb=tuple(flat["memory_mb"]), threads=tuple(flat["threads"]))
        for end, flat in row["ends"].items()
    }
    return CallRow(**{**row, "delay_ms": tuple(row["delay_ms"]), "ends": ends})


def cells(row: CallRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    return [
        row.name,
        f"{row.in_kbps:.1f}",
        f"{100 * row.share:.0f}",
        f"{row.fps:.1f}",
        *(f"{delay:.0f}" for delay in row.delay_ms),
        str(row.longest_s),
        f"{row.sound_made_up:.1f}",
        *(text for end in ("sender", "receiver") for text in _process(row.ends[end])),
    ]


def _process(flat: Flat) -> tuple[str, str]:
    return " to ".join(f"{size:.0f}" for size in flat.memory_mb), " to ".join(map(str, flat.threads))


def show_two(run: TwoRun, console: Console) -> None:
    """The table."""
    title = "two calls on one line"
    show_table(console, list(map(cells, run.rows)), lines=run.lines, title=title, columns=COLUMNS, left=("call",))


def two_markdown(run: TwoRun) -> str:
    """The same as a section of a document."""
    return figures_section(run.lines, COLUMNS, list(map(cells, run.rows)))


def no_plot(run: TwoRun, path: Path) -> None:
    """There is nothing over time to draw. Raises ResultsError."""
    raise ResultsError(f"{path}: {len(run.rows)} calls on one line are a table, and no plot")
