"""Stage 10, display (offline): the benchmark of a call of several as JSON, a table, a picture, a section of a page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console

from benchmarks.calls.mesh.run import TARGET_FPS, MeshResult, MeshRow, MeshSettings
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = ["MeshRun", "mesh_markdown", "mesh_report", "plot_mesh", "read_mesh", "show_mesh", "verdict"]

COLUMNS = (
    *("others", "asked fps", "sent fps", "seen fps", "delay ms", "sound made up"),
    *("end ms/s", "of it loop", "end MB", "others ms/s", "load after"),
)
ROUNDS = 0.5  # a rate that rounds to the target is the target: the last second may be cut


@dataclass(frozen=True, slots=True)
class MeshRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[MeshRow, ...]
    clip: str
    lines: tuple[str, ...]  # about the machine


def mesh_report(settings: MeshSettings, result: MeshResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded."""
    return {
        **report_head("mesh", settings, cores=result.cores, load_before=result.load_before, provenance=provenance),
        "rows": [asdict(row) for row in result.rows],
    }


def read_mesh(report: dict[str, Any]) -> MeshRun:
    """What `mesh_report` made. Raises ResultsError."""
    with results_of("mesh"):
        check_kind(report, "mesh")
        return MeshRun(
            rows=tuple(MeshRow(**{**row, "seen_fps": tuple(row["seen_fps"])}) for row in report["rows"]),
            clip=", ".join(report["provenance"]["clips"]),
            lines=tuple(machine_lines(report)),
        )


def cells(row: MeshRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    return [
        str(row.others),
        f"{row.fps:g}",
        f"{row.sent_fps:.1f}",
        " ".join(f"{fps:.1f}" for fps in row.seen_fps),
        "-" if row.delay_ms is None else f"{row.delay_ms:.0f}",
        f"{row.sound_lost:.1%}",
        f"{row.end_ms_per_s:.0f}",
        f"{row.loop_ms_per_s:.0f}",
        "-" if row.end_mb is None else f"{row.end_mb:.0f}",
        f"{row.replay_ms_per_s:.0f}",
        "-" if row.load is None else f"{row.load:.1f}",
    ]


def verdict(row: MeshRow) -> str:
    """Whether all pictures of this call came at the target's rate."""
    least = min(row.sent_fps, *row.seen_fps)
    said = "met" if least >= TARGET_FPS - ROUNDS else "missed"
    return f"at {row.fps:g} fps asked, the slowest of its directions has {least:.1f}; target {TARGET_FPS:g}: {said}"


def show_mesh(run: MeshRun, console: Console) -> None:
    """The table, the conditions and the target."""
    title = f"one end among several, {run.clip} over loopback"
    show_table(console, list(map(cells, run.rows)), lines=run.lines, title=title, columns=COLUMNS)
    for row in run.rows:
        console.print(verdict(row), highlight=False)


def mesh_markdown(run: MeshRun) -> str:
    """The same as a section of a document."""
    said = (*run.lines, f"clip: {run.clip}", *map(verdict, run.rows))
    return figures_section(said, COLUMNS, list(map(cells, run.rows)))


def plot_mesh(run: MeshRun, path: Path) -> None:
    """For each call what was asked for, sent, and seen of each."""
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.8 * len(run.rows)), layout="constrained")
    for index, row in enumerate(run.rows):
        axes.barh(index, row.fps, color="#dddddd", height=0.8, label="asked" if index == 0 else None)
        axes.barh(index - 0.2, row.sent_fps, color="#1f5fa8", height=0.3, label="sent" if index == 0 else None)
        axes.barh(index + 0.2, min(row.seen_fps), color="#f08c00", height=0.3, label="seen" if index == 0 else None)
    axes.axvline(TARGET_FPS, color="black", linewidth=1, linestyle=":")
    axes.set_yticks(range(len(run.rows)), [f"{row.others} others" for row in run.rows])
    axes.invert_yaxis()
    axes.set_xlabel("pictures a second (of those seen: of the slowest)")
    axes.legend(fontsize=9)
    save_figure(figure, path)
