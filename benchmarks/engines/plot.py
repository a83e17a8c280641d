"""Stage 10, display (offline): milliseconds by graph, stacked for each engine and precision."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.engines.report import EngineRun
from benchmarks.engines.rows import SUMS, as_run
from benchmarks.records.figure_file import save_figure

# Of the graphs of a sum, in their order.
COLOURS = ("#2a7f4f", "#1f5fa8", "#8c6d31", "#f08c00", "#c1272d", "#e0559a", "#7f7f7f")
SHOWN = tuple(SUMS)[:2]  # the sender's keypoints would be a sliver


def _bars(axes: Axes, run: EngineRun, *, size: int, what: str) -> None:
    row_of = as_run([row for row in run.graphs if row.size == size])
    rows = [row for row in run.sums if row.size == size]
    names = [f"{row.engine} {row.precision}" for row in rows]
    left = [0.0] * len(rows)
    for graph, colour in zip(SUMS[what], COLOURS, strict=False):
        widths = [row_of(graph, row.engine, row.precision).ms.median for row in rows]
        axes.barh(names, widths, left=left, color=colour, label=graph)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for index, row in enumerate(rows):
        axes.text(left[index], index, f" {row.ms[what]:.1f}, x {row.ratios[what]:.2f}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.3)
    axes.set_title(f"{what}, {size}x{size}", fontsize=10)
    axes.set_xlabel("ms, medians added up; x: against torch f32")
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(COLOURS))


def plot_engines(run: EngineRun, path: Path) -> None:
    """A row of panels for each size: a frame, a reference."""
    sizes = sorted({row.size for row in run.sums})
    figure, panels = plt.subplots(
        len(sizes), len(SHOWN), figsize=(13, 0.8 + 3.6 * len(sizes)), layout="constrained", squeeze=False
    )
    for size, own in zip(sizes, panels, strict=True):
        for what, axes in zip(SHOWN, own, strict=True):
            _bars(axes, run, size=size, what=what)
    figure.suptitle(run.machine, fontsize=9)
    save_figure(figure, path)
