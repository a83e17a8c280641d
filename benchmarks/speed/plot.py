"""Stage 10, display (offline): where the milliseconds go, and how far each figure is from its target."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.records.figure_file import save_figure
from benchmarks.speed.report import SpeedRun, cells, in_order
from benchmarks.speed.rows import TITLES, SpeedRow, StageRow

COLOURS = {
    "crop": "#7f7f7f",
    "motion": "#1f5fa8",
    "flow": "#f08c00",
    "reference": "#8c6d31",
    "entropy": "#2a7f4f",
    "generate": "#c1272d",
    "rest": "#c9c9c9",
}
OTHER = "#444444"


def _stages(axes: Axes, stages: Sequence[StageRow]) -> None:
    bars = list(dict.fromkeys((row.end, row.size) for row in stages))
    left = dict.fromkeys(bars, 0.0)
    named: set[str] = set()
    for row in stages:
        bar = (row.end, row.size)
        label = None if row.stage in named else row.stage
        named.add(row.stage)
        colour = COLOURS.get(row.stage, OTHER)
        axes.barh(f"{row.end}\n{row.size}", row.ms_a_frame, left=left[bar], color=colour, label=label)
        left[bar] += row.ms_a_frame
    for index, bar in enumerate(bars):
        axes.text(left[bar], index, f" {left[bar]:.1f}", va="center", fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel("ms a frame, mean over all frames")
    axes.margins(x=0.1)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=7)


def _targets(axes: Axes, rows: Sequence[SpeedRow]) -> None:
    for index, row in enumerate(rows):
        assert row.target is not None
        used = row.target / max(row.judged, 1e-9) if row.is_least else row.judged / row.target
        axes.barh(index, used, color="#2a7f4f" if row.met else "#c1272d")
        axes.text(used, index, f" {cells(row)[2]}", va="center", fontsize=8)
    names = [TITLES[row.key] + ("" if row.size is None else f", {row.size}") for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.axvline(1.0, color="black", linewidth=1.0)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("part of what the target allows; the line is the target")


def plot_speed(run: SpeedRun, path: Path) -> None:
    """Stages to the left, targets to the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.5), layout="constrained")
    _stages(left, run.stages)
    _targets(right, [row for row in in_order(run.rows) if row.target is not None])
    figure.suptitle(run.lines[-3], fontsize=10)
    save_figure(figure, path)
