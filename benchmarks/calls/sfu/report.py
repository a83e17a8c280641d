"""Stage 10, display (offline): the benchmark through a Janus as JSON, as a table, a picture, a section of a page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console

from benchmarks.calls.sfu.run import SfuResult, SfuRow, SfuSettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = ["SfuRun", "plot_sfu", "read_sfu", "sfu_markdown", "sfu_report", "show_sfu"]

COLUMNS = (
    *("viewers", "fps", "sender ms", "coding ms", "sending ms", "Janus ms/s", "threads", "MiB"),
    *("out kbps", "back kbps", "a viewer kbps", "its back kbps", "messages/s", "keyframes"),
)


@dataclass(frozen=True, slots=True)
class SfuRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[SfuRow, ...]
    clip: str
    janus: str
    lines: tuple[str, ...]  # about the machine


def sfu_report(settings: SfuSettings, result: SfuResult, *, janus: str, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    return {
        **report_head("sfu", settings, cores=(), load_before=result.load_before, provenance=provenance),
        "janus": janus,
        "rows": [asdict(row) for row in result.rows],
    }


def read_sfu(report: dict[str, Any]) -> SfuRun:
    """What `sfu_report` made. Raises ResultsError."""
    with results_of("sfu"):
        check_kind(report, "sfu")
        return SfuRun(
            rows=tuple(SfuRow(**row) for row in report["rows"]),
            clip=", ".join(report["provenance"]["clips"]),
            janus=report["janus"],
            lines=tuple(machine_lines(report)),
        )


def cells(row: SfuRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    return [
        str(row.viewers),
        f"{row.fps:.1f}",
        *(f"{ms:.2f}" for ms in (row.sender_ms, row.coding_ms, row.sender_ms - row.coding_ms, row.janus_ms_per_s)),
        str(row.janus_threads),
        f"{row.janus_mb:.1f}",
        *(f"{kbps:.1f}" for kbps in (row.out_kbps, row.back_kbps, row.viewer_kbps, row.viewer_back_kbps, row.messages)),
        str(row.joining_keyframes),
    ]


def show_sfu(run: SfuRun, console: Console) -> None:
    """The table and the conditions."""
    lines, title = (*run.lines, run.janus), f"one sender through Janus, {run.clip} over loopback"
    show_table(console, list(map(cells, run.rows)), lines=lines, title=title, columns=COLUMNS)


def sfu_markdown(run: SfuRun) -> str:
    """The same as a section of a document."""
    return figures_section((*run.lines, run.janus, f"clip: {run.clip}"), COLUMNS, list(map(cells, run.rows)))


def plot_sfu(run: SfuRun, path: Path) -> None:
    """CPU of Janus and of the sender's sending, by viewers."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    viewers = [row.viewers for row in run.rows]
    axes.plot(viewers, [row.janus_ms_per_s for row in run.rows], "o-", color="#f08c00", label="Janus")
    sending = [(row.sender_ms - row.coding_ms) * row.fps for row in run.rows]
    axes.plot(viewers, sending, "s-", color="#1f5fa8", label="the sender's sending")
    axes.set_xlabel("viewers")
    axes.set_ylabel("CPU ms a second")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=9)
    save_figure(figure, path)
