"""Stage 10, display (offline): the sync benchmark as JSON, as a table, a histogram, and a section of a document."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console

from benchmarks.calls.sync.run import TARGET_MS, SyncResult, SyncRow, SyncSettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.spread import Spread
from benchmarks.records.terminal import show_table

__all__ = ["SyncRun", "plot_sync", "read_sync", "show_sync", "sync_markdown", "sync_report"]

COLUMNS = (
    "mode", "loss", "bundle", "fps sent", "marks", "both came", "A-V ms", "|A-V| p95", "target", "met",
    "to ear ms", "to screen ms", "target", "met",
)  # fmt: skip
BIN_MS = 10


@dataclass(frozen=True, slots=True)
class SyncRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[SyncRow, ...]
    clip: str
    fps: int
    lines: tuple[str, ...]  # about the machine


def sync_report(settings: SyncSettings, result: SyncResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    return {
        **report_head("sync", settings, cores=result.cores, load_before=result.load_before, provenance=provenance),
        "rows": [asdict(row) for row in result.rows],
    }


def read_sync(report: dict[str, Any]) -> SyncRun:
    """What `sync_report` made. Raises ResultsError."""
    with results_of("sync"):
        check_kind(report, "sync")
        return SyncRun(
            rows=tuple(_row(row) for row in report["rows"]),
            clip=", ".join(report["provenance"]["clips"]),
            fps=int(report["settings"]["fps"]),
            lines=tuple(machine_lines(report)),
        )


def _row(row: dict[str, Any]) -> SyncRow:
    spreads = {name: Spread(**row[name]) for name in ("ear_ms", "screen_ms")}
    return SyncRow(**{**row, **spreads, "apart_ms": tuple(row["apart_ms"])})


def cells(row: SyncRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    answers = {None: "-", True: "yes", False: "no"}
    return [
        row.mode,
        f"{row.loss:.0%}",
        str(row.bundle),
        f"{row.fps_sent:.1f}",
        str(row.marks),
        str(len(row.apart_ms)),
        f"{np.median(row.apart_ms):+.0f}",
        f"{row.apart_p95_ms:.0f}",
        f"≤ {TARGET_MS:g}",
        answers[row.met],
        f"{row.ear_ms.median:.0f}",
        f"{row.screen_ms.median:.0f}",
        "-" if row.delay_target_ms is None else f"≤ {row.delay_target_ms:g}",
        answers[row.delay_met],
    ]


def show_sync(run: SyncRun, console: Console) -> None:
    """The table and the conditions."""
    title = f"sound against pictures, {run.clip} marked, {run.fps} pictures a second, over loopback; medians"
    styles = ["green" if row.met and row.delay_met is not False else "red" for row in run.rows]
    show_table(console, list(map(cells, run.rows)), lines=run.lines, title=title, columns=COLUMNS, styles=styles)


def sync_markdown(run: SyncRun) -> str:
    """The same as a section of a document."""
    lines = (*run.lines, f"clip: {run.clip}, {run.fps} pictures a second")
    return figures_section(lines, COLUMNS, list(map(cells, run.rows)))


def plot_sync(run: SyncRun, path: Path) -> None:
    """A histogram for each call of how much later than the picture its sound was."""
    figure, axes = plt.subplots(
        len(run.rows), 1, figsize=(8, 1 + 1.8 * len(run.rows)), sharex=True, squeeze=False, layout="constrained"
    )
    most = max(2 * TARGET_MS, *(abs(value) for row in run.rows for value in row.apart_ms))
    edge = BIN_MS * (most // BIN_MS + 1)
    for ax, row in zip(axes[:, 0], run.rows, strict=True):
        ax.hist(row.apart_ms, bins=np.arange(-edge, edge + BIN_MS, BIN_MS), color="#1f5fa8")
        for at_ms in (-TARGET_MS, TARGET_MS):
            ax.axvline(at_ms, color="black", linestyle="--", linewidth=1.2)
        ax.set_title(f"{row.mode}, loss {row.loss:.0%}, bundle {row.bundle}: p95 {row.apart_p95_ms:.0f} ms", fontsize=9)
        ax.set_ylabel("marks")
    axes[-1, 0].set_xlabel("ms that sound comes after its picture; dashed: target")
    figure.suptitle(f"{run.clip} marked, over loopback; {run.lines[-3]}", fontsize=9)
    save_figure(figure, path)
