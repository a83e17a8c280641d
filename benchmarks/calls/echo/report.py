"""Stage 10, display (offline): the echo benchmark as JSON, as a table, as levels over time, and as a section."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console

from benchmarks.calls.echo.run import GONE_DB, STEP_S, EchoResult, EchoRow, EchoSettings
from benchmarks.calls.echo.scene import ALONE_S, NEAR_S
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = ["EchoRun", "echo_markdown", "echo_report", "plot_echo", "read_echo", "show_echo"]

COLUMNS = (
    "echo dB", "delay ms", "drift ppm", "left dB", f"under {GONE_DB:g} dB after s", "alone: level dB", "distance dB",
    "both: level dB", "distance dB", "with the echo", "SNR dB", "with the echo", "CPU ms per 10 ms",
)  # fmt: skip
LOWEST_DB = -85.0


@dataclass(frozen=True, slots=True)
class EchoRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[EchoRow, ...]
    lines: tuple[str, ...]  # about the machine


def echo_report(settings: EchoSettings, result: EchoResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    return {
        **report_head("echo", settings, cores=result.cores, load_before=result.load_before, provenance=provenance),
        "rows": [asdict(row) for row in result.rows],
    }


def read_echo(report: dict[str, Any]) -> EchoRun:
    """What `echo_report` made. Raises ResultsError."""
    with results_of("echo"):
        check_kind(report, "echo")
        return EchoRun(tuple(_row(row) for row in report["rows"]), tuple(machine_lines(report)))


def _row(row: dict[str, Any]) -> EchoRow:
    return EchoRow(**{**row, **{name: tuple(row[name]) for name in ("heard_db", "left_over_time_db")}})


def cells(row: EchoRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    return [
        f"{row.loudness_db:g}",
        f"{row.delay_ms:g}",
        f"{row.drift_ppm:g}",
        f"{row.left_db:.1f}",
        "-" if row.gone_after_s is None else f"{row.gone_after_s:.1f}",
        f"{row.near_level_db:+.1f}",
        f"{row.near_distance_db:.1f}",
        f"{row.both_level_db:+.1f}",
        f"{row.both_distance_db:.1f}",
        f"{row.echo_distance_db:.1f}",
        f"{row.both_snr_db:.1f}",
        f"{row.echo_snr_db:.1f}",
        f"{row.ms_per_frame:.2f}",
    ]


def show_echo(run: EchoRun, console: Console) -> None:
    """The table and the conditions."""
    title = "echo of synthetic speech, and who speaks beside it"
    show_table(console, list(map(cells, run.rows)), lines=run.lines, title=title, columns=COLUMNS)


def echo_markdown(run: EchoRun) -> str:
    """The same as a section of a document."""
    return figures_section(run.lines, COLUMNS, list(map(cells, run.rows)))


def plot_echo(run: EchoRun, path: Path) -> None:
    """What the microphone hears and what leaves, over time, for each row."""
    figure, axes = plt.subplots(
        len(run.rows), 1, figsize=(8, 1 + 1.2 * len(run.rows)), sharex=True, squeeze=False, layout="constrained"
    )
    for ax, row in zip(axes[:, 0], run.rows, strict=True):
        at_s = np.arange(len(row.heard_db)) * STEP_S
        ax.plot(at_s, np.maximum(row.heard_db, LOWEST_DB), color="#b8b8b8", linewidth=1.0, label="microphone")
        ax.plot(at_s, np.maximum(row.left_over_time_db, LOWEST_DB), color="#1f5fa8", linewidth=1.0, label="sent")
        for begins_s in (ALONE_S, ALONE_S + NEAR_S):
            ax.axvline(begins_s, color="black", linestyle="--", linewidth=0.8)
        which = f"echo {row.loudness_db:g} dB, {row.delay_ms:g} ms, drift {row.drift_ppm:g} ppm"
        ax.set_title(f"{which}: {row.left_db:.0f} dB left", fontsize=9)
        ax.set_ylabel("dBFS")
    axes[0, 0].legend(fontsize=8, loc="lower right")
    axes[-1, 0].set_xlabel("s; first the far end alone, between the dashes the near end alone, then both")
    save_figure(figure, path)
