"""Stage 10, display (offline): messages directly and through a Janus as JSON, as a table, as a section of a page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.errors import ResultsError
from benchmarks.network.forwarding.run import ForwardingRow, ForwardingSettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = ["ForwardingRun", "forwarding_markdown", "forwarding_report", "no_plot", "read_forwarding", "show_forwarding"]

COLUMNS = (
    "network",
    "way",
    "frames a message",
    "messages",
    "lost %",
    "delay ms",
    "p95",
    "p99",
    "longest",
    "over 100 ms %",
)


@dataclass(frozen=True, slots=True)
class ForwardingRun:
    """What a results file says that tables are made of."""

    rows: tuple[ForwardingRow, ...]
    janus: str
    lines: tuple[str, ...]  # about the machine


def forwarding_report(
    settings: ForwardingSettings,
    rows: list[ForwardingRow],
    *,
    janus: str,
    load_before: float | None,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    return {
        **report_head("forwarding", settings, cores=(), load_before=load_before, provenance=provenance),
        "janus": janus,
        "rows": [asdict(row) for row in rows],
    }


def read_forwarding(report: dict[str, Any]) -> ForwardingRun:
    """What `forwarding_report` made. Raises ResultsError."""
    with results_of("forwarding"):
        check_kind(report, "forwarding")
        rows = tuple(ForwardingRow(**{**row, "delay_ms": tuple(row["delay_ms"])}) for row in report["rows"])
        return ForwardingRun(rows, report["janus"], tuple(machine_lines(report)))


def cells(row: ForwardingRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    return [
        row.name,
        row.way,
        str(row.frames),
        str(row.messages),
        f"{row.lost:.1f}",
        *(f"{ms:.0f}" for ms in row.delay_ms),
        f"{row.beyond_100_ms:.1f}",
    ]


def show_forwarding(run: ForwardingRun, console: Console) -> None:
    """The table and the conditions."""
    lines, title = (*run.lines, run.janus), "messages of motion over a link"
    show_table(console, list(map(cells, run.rows)), lines=lines, title=title, columns=COLUMNS)


def forwarding_markdown(run: ForwardingRun) -> str:
    """The same as a section of a document."""
    return figures_section((*run.lines, run.janus), COLUMNS, list(map(cells, run.rows)))


def no_plot(run: ForwardingRun, path: Path) -> None:
    """There is nothing over time to draw. Raises ResultsError."""
    raise ResultsError(f"{path}: {len(run.rows)} ways of messages are a table, and no plot")
