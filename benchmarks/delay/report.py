"""Stage 10, display (offline): the delay benchmark as JSON, as a table, a picture, and a section of a document."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

from benchmarks.delay.run import STAGES, DelayResult, DelayRow, DelaySettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.spread import Spread

COLUMNS = ("size", "bundle", "fps", "shown", "median ms", "p5", "p95", "target", "met", *STAGES, "besides")
COLOURS = ("#7f7f7f", "#1f5fa8", "#f08c00", "#2a7f4f", "#c1272d", "#c9c9c9")  # in the order of STAGES
COUNTS = ("interpolated", "held", "skipped")


@dataclass(frozen=True, slots=True)
class DelayRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[DelayRow, ...]
    clip: str
    lines: tuple[str, ...]  # about the machine


def delay_report(settings: DelaySettings, result: DelayResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    return {
        **report_head("delay", settings, cores=result.cores, load_before=result.load_before, provenance=provenance),
        "rows": [asdict(row) for row in result.rows],
    }


def read_delay(report: dict[str, Any]) -> DelayRun:
    """What `delay_report` made. Raises ResultsError."""
    with results_of("delay"):
        check_kind(report, "delay")
        return DelayRun(
            rows=tuple(DelayRow(**{**row, "delay_ms": Spread(**row["delay_ms"])}) for row in report["rows"]),
            clip=", ".join(report["provenance"]["clips"]),
            lines=tuple(machine_lines(report)),
        )


def cells(row: DelayRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    spread = [f"{value:.0f}" for value in (row.delay_ms.median, row.delay_ms.p5, row.delay_ms.p95)]
    besides = ", ".join(
        f"{name} {value:.{0 if name in COUNTS else 1}f}{'' if name in COUNTS or 'fps' in name else ' ms'}"
        for name, value in row.details.items()
    )
    return [
        str(row.size),
        str(row.bundle),
        f"{row.fps:g}",
        f"{row.shown_fps:.1f}",
        *spread,
        "-" if row.target_ms is None else f"≤ {row.target_ms:g}",
        {None: "-", True: "yes", False: "no"}[row.met],
        *(f"{row.stages_ms[stage]:.1f}" for stage in STAGES),
        besides,
    ]


def show_delay(run: DelayRun, console: Console) -> None:
    """The table and the conditions."""
    for line in run.lines:
        console.print(line, highlight=False)
    table = Table(title=f"capture to display, {run.clip} over loopback; stages in ms", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "besides" else "right", no_wrap=name != "besides")
    for row in run.rows:
        table.add_row(*cells(row), style={True: "green", False: "red"}.get(row.met) if row.met is not None else None)
    console.print(table)


def delay_markdown(run: DelayRun) -> str:
    """The same as a section of a document."""
    return figures_section((*run.lines, f"clip: {run.clip}"), COLUMNS, list(map(cells, run.rows)))


def plot_delay(run: DelayRun, path: Path) -> None:
    """A bar for each call, stacked by stage, with its middle nine tenths and its target."""
    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.9 * len(run.rows)), layout="constrained")
    names = [f"{row.size}, bundle {row.bundle}" for row in run.rows]
    left = [0.0] * len(run.rows)
    for stage, colour in zip(STAGES, COLOURS, strict=True):
        widths = [row.stages_ms[stage] for row in run.rows]
        axes.barh(names, widths, left=left, color=colour, label=stage)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    _whiskers(axes, run.rows)
    axes.invert_yaxis()
    axes.set_xlabel("ms from capture to display, median; whiskers 5 % to 95 %, dashed: target")
    figure.legend(loc="outside right upper", fontsize=9)
    figure.suptitle(f"{run.clip} over loopback; {run.lines[-3]}", fontsize=9)
    save_figure(figure, path)


def _whiskers(axes: Any, rows: Sequence[DelayRow]) -> None:
    for index, row in enumerate(rows):
        spread = row.delay_ms
        axes.plot([spread.p5, spread.p95], [index, index], color="black", marker="|", linewidth=1.0)
        axes.text(max(spread.p95, spread.median), index - 0.25, f" {spread.median:.0f}", fontsize=9)
        if row.target_ms is not None:
            axes.plot([row.target_ms] * 2, [index - 0.4, index + 0.4], color="black", linestyle="--", linewidth=1.2)
