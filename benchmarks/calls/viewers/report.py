"""Stage 10, display (offline): the benchmark of many viewers as JSON, as a table, a picture, a section of a page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console

from benchmarks.calls.viewers.run import TARGET, ViewersResult, ViewersRow, ViewersSettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = [
    "ViewersRun",
    "plot_viewers",
    "read_viewers",
    "show_viewers",
    "verdict",
    "viewers_markdown",
    "viewers_report",
]

COLUMNS = (
    *("viewers", "fps", "sender ms", "coding ms", "sending ms", "one more ms", "server ms/s"),
    *("payload kbps", "wire kbps", "back kbps", "joins", "caught up", "keyframes"),
)


@dataclass(frozen=True, slots=True)
class ViewersRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[ViewersRow, ...]
    clip: str
    lines: tuple[str, ...]  # about the machine


def viewers_report(settings: ViewersSettings, result: ViewersResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    return {
        **report_head("viewers", settings, cores=(), load_before=result.load_before, provenance=provenance),
        "rows": [asdict(row) for row in result.rows],
    }


def read_viewers(report: dict[str, Any]) -> ViewersRun:
    """What `viewers_report` made. Raises ResultsError."""
    with results_of("viewers"):
        check_kind(report, "viewers")
        return ViewersRun(
            rows=tuple(ViewersRow(**row) for row in report["rows"]),
            clip=", ".join(report["provenance"]["clips"]),
            lines=tuple(machine_lines(report)),
        )


def cells(row: ViewersRow, rows: Sequence[ViewersRow]) -> list[str]:
    """A row as texts, under `COLUMNS`. What sending to one more costs is against one viewer of the same program."""
    one = next((other for other in rows if other.viewers == 1 and other.several), None)
    more = "-" if one is None or row.viewers == 1 else f"{(_sending(row) - _sending(one)) / (row.viewers - 1):.2f}"
    kind = "" if row.several else " (of one)"
    name = f"{row.viewers}{kind}" if not row.churn_s else f"{row.viewers}, one comes and goes"
    return [
        name,
        f"{row.fps:.1f}",
        *(f"{ms:.2f}" for ms in (row.sender_ms, row.coding_ms, _sending(row))),
        more,
        f"{row.server_ms_per_s:.2f}",
        *(f"{kbps:.1f}" for kbps in (row.payload_kbps, row.wire_kbps, row.back_kbps)),
        *(str(count) for count in (row.joins, row.catch_ups, row.keyframes)),
    ]


def verdict(rows: Sequence[ViewersRow]) -> str:
    """Whether coding for the most costs what coding for one does."""
    steady = [row for row in rows if row.several and not row.churn_s]
    one, most = min(steady, key=lambda row: row.viewers), max(steady, key=lambda row: row.viewers)
    part, whole = most.coding_ms / one.coding_ms, most.sender_ms / one.sender_ms
    said = "met" if part <= TARGET else "missed"
    return (
        f"coding for {most.viewers} takes {part:.2f} of that for {one.viewers}, target {TARGET:g} at most: {said}; "
        f"with the sending, {whole:.2f}"
    )


def _sending(row: ViewersRow) -> float:
    return row.sender_ms - row.coding_ms


def show_viewers(run: ViewersRun, console: Console) -> None:
    """The table, the conditions and the target."""
    title = f"one sender, {run.clip} over loopback; CPU ms a frame"
    show_table(console, [cells(row, run.rows) for row in run.rows], lines=run.lines, title=title, columns=COLUMNS)
    console.print(verdict(run.rows), highlight=False)


def viewers_markdown(run: ViewersRun) -> str:
    """The same as a section of a document."""
    lines = (*run.lines, f"clip: {run.clip}", verdict(run.rows))
    return figures_section(lines, COLUMNS, [cells(row, run.rows) for row in run.rows])


def plot_viewers(run: ViewersRun, path: Path) -> None:
    """A bar for each call: coding, and sending on top."""
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.6 * len(run.rows)), layout="constrained")
    names = [cells(row, run.rows)[0] for row in run.rows]
    coding = [row.coding_ms for row in run.rows]
    axes.barh(names, coding, color="#1f5fa8", label="coding")
    sending = list(map(_sending, run.rows))
    axes.barh(names, sending, left=coding, color="#f08c00", label="sending")
    axes.invert_yaxis()
    axes.set_xlabel("CPU ms of the sender a frame, by viewers")
    axes.legend(fontsize=9)
    save_figure(figure, path)
