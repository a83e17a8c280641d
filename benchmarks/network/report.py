"""Stage 10, display (offline): calls over bad links as JSON, as a table, and drawn over time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console
from rich.table import Table

from benchmarks.network.figures import Moment, NetworkRow
from benchmarks.network.run import NetworkSettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section

__all__ = ["NetworkRun", "network_markdown", "network_report", "plot_network", "read_network", "show_network"]

COLUMNS = (
    "network", "mode", "first s", "fps", "freeze s", "delay ms", "p95", "out kbps", "back", "queue p95", "max",
    "sound made up %", "H.264 %", "PSNR dB",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NetworkRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[NetworkRow, ...]
    lines: tuple[str, ...]  # about the machine


def network_report(
    settings: NetworkSettings, rows: Sequence[NetworkRow], *, load_before: float | None, provenance: dict[str, Any]
) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    head = report_head("network", settings, cores=(), load_before=load_before, provenance=provenance)
    return {**head, "rows": [asdict(row) for row in rows]}


def read_network(report: dict[str, Any]) -> NetworkRun:
    """What `network_report` made. Raises ResultsError."""
    with results_of("network"):
        check_kind(report, "network")
        return NetworkRun(tuple(_row(row) for row in report["rows"]), tuple(machine_lines(report)))


def _row(row: dict[str, Any]) -> NetworkRow:
    changed = {
        "delay_ms": None if row["delay_ms"] is None else tuple(row["delay_ms"]),
        "queue_ms": tuple(row["queue_ms"]),
        "moments": [Moment(**moment) for moment in row["moments"]],
    }
    return NetworkRow(**{**row, **changed})


def cells(row: NetworkRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    delays = ("-", "-") if row.delay_ms is None else tuple(f"{delay:.0f}" for delay in row.delay_ms)
    return [
        row.name,
        row.mode,
        "-" if row.first_picture_s is None else f"{row.first_picture_s:.1f}",
        f"{row.fps:.1f}",
        f"{row.freeze_s:.2f}",
        *delays,
        f"{row.out_kbps:.1f}",
        f"{row.back_kbps:.1f}",
        *(f"{queue:.0f}" for queue in row.queue_ms),
        f"{row.sound['made_up_percent']:.1f}",
        f"{100 * row.h264_part:.0f}",
        "-" if row.psnr_db is None else f"{row.psnr_db:.1f}",
    ]


def show_network(run: NetworkRun, console: Console) -> None:
    """The table, and what failed."""
    for line in run.lines:
        console.print(line, highlight=False)
    table = Table(title="calls over bad links", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("network", "mode") else "right", no_wrap=True)
    for row in run.rows:
        table.add_row(*cells(row), style="red" if row.failure else None)
    console.print(table)
    for row in run.rows:
        if row.failure:
            console.print(f"{row.name}, {row.mode}: {row.failure}", highlight=False)


def network_markdown(run: NetworkRun) -> str:
    """The same as a section of a document."""
    return figures_section(run.lines, COLUMNS, list(map(cells, run.rows)))


def plot_network(run: NetworkRun, path: Path) -> None:
    """For each call, over time: pictures a second and their delay above, the line and its queue below."""
    figure, axes = plt.subplots(
        len(run.rows), 2, figsize=(12, 0.6 + 1.7 * len(run.rows)), layout="constrained", squeeze=False
    )
    for (left, right), row in zip(axes, run.rows, strict=True):
        times = [moment.at_s for moment in row.moments]
        left.step(times, [moment.fps for moment in row.moments], color="#1f5fa8", where="post")
        left.set_ylabel(f"{row.name}\n{row.mode}\nfps", fontsize=8, color="#1f5fa8")
        left.set_ylim(0, 32)
        delays = left.twinx()
        delays.plot(times, [moment.delay_ms for moment in row.moments], color="#c1272d", linewidth=1)
        delays.set_ylabel("delay ms", fontsize=8, color="#c1272d")
        delays.set_ylim(bottom=0)
        right.step(times, [moment.out_kbps for moment in row.moments], color="#2a7f4f", where="post")
        right.step(times, [moment.back_kbps for moment in row.moments], color="#9bc9a9", where="post")
        right.set_ylabel("kbit/s, back pale", fontsize=8, color="#2a7f4f")
        right.set_ylim(bottom=0)
        queues = right.twinx()
        queues.plot(times, [moment.queue_ms for moment in row.moments], color="#f08c00", linewidth=1)
        queues.set_ylabel("queue ms", fontsize=8, color="#f08c00")
        queues.set_ylim(bottom=0)
    save_figure(figure, path)
