"""Stage 10, display (offline): rate against quality, drawn."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.rate.anchors.setups import ANCHORS
from benchmarks.rate.results.rows import (
    BASE,
    FACEWIRE,
    FREEZE,
    KEYPOINT_CODECS,
    LESS_IS_BETTER,
    PERCEPTUAL,
    PROTOTYPE,
    SHUFFLED,
    SINGLE,
    WITHOUT,
    RateRow,
    curve,
    mean_rows,
)
from benchmarks.records.figure_file import save_figure

STYLE = {
    FACEWIRE: ("#c1272d", "o", 2.6),
    PERCEPTUAL: ("#8e24aa", "d", 2.0),
    BASE: ("#e58a8d", "D", 0.0),
    SINGLE: ("#e0559a", "*", 1.4),
    PROTOTYPE: ("#f08c00", "X", 1.4),
    "x264": ("#7f7f7f", "s", 1.4),
    "x265": ("#8c6d31", "^", 1.4),
    "vp9": ("#2a7f4f", "v", 1.4),
    "svtav1": ("#1f5fa8", "P", 1.4),
    "svtav1-p4": ("#56a3dd", "p", 1.4),
}
OTHER_STYLES = (("#6a3d9a", "h", 1.4), ("#444444", "x", 1.4), ("#00838f", "<", 1.4), ("#9e7700", ">", 1.4))
OFF_THE_ENVELOPE = 0.3  # opacity
METRICS = (
    ("psnr_db", "PSNR (RGB), dB"),
    ("lpips", "LPIPS (AlexNet), lower is better"),
    ("ms_ssim", "MS-SSIM"),
    ("xpsnr_db", "XPSNR, dB"),
    ("vmaf", "VMAF"),
    ("identity", "identity, cosine"),
    ("landmark_percent", "landmark error, % of inter-ocular distance"),
    ("ssim", "SSIM"),
)
PANEL_INCHES = (6.2, 4.7)
TICKS_KBPS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100, 200)


def _label(codec: str) -> str:
    return ANCHORS[codec].label if codec in ANCHORS else codec


def _styles(codecs: Sequence[str]) -> dict[str, tuple[str, str, float]]:
    """Colour, marker and width of each; those of streams by their order."""
    others = itertools.cycle(OTHER_STYLES)
    return {codec: STYLE[codec] if codec in STYLE else next(others) for codec in codecs}


def _draw_codec(axes: Axes, rows: Sequence[RateRow], codec: str, metric: str, style: tuple[str, str, float]) -> None:
    """Keypoint codecs as they are; of the others a line through their envelope, and the points off it faint."""
    colour, marker, width = style
    points = sorted((row.kbps, getattr(row, metric)) for row in rows if row.codec == codec)
    line = "-" if width else ""
    if codec not in KEYPOINT_CODECS:
        axes.plot(*zip(*points, strict=True), "", color=colour, marker=marker, linewidth=0, alpha=OFF_THE_ENVELOPE)
        best = curve(rows, codec=codec, metric=metric)
        sign = -1 if metric in LESS_IS_BETTER else 1
        points = [(point.kbps, sign * point.quality) for point in best]
    axes.plot(*zip(*points, strict=True), line, color=colour, marker=marker, linewidth=width, label=_label(codec))


def _has_a_line(codec: str) -> bool:
    """Not controls, which are no codecs, nor facewire without a part, which a table says better."""
    return codec not in (SHUFFLED, FREEZE) and not codec.startswith(WITHOUT)


def _draw(axes: Axes, rows: Sequence[RateRow], metric: str, title: str) -> None:
    codecs = list(dict.fromkeys(row.codec for row in rows if _has_a_line(row.codec)))
    for held in (row for row in rows if row.codec == FREEZE):
        quality = getattr(held, metric)
        axes.axhline(quality, color="black", linestyle=":", linewidth=1.2, label="freeze frame 0 (0 kbps)")
    for codec, style in _styles(codecs).items():
        _draw_codec(axes, rows, codec, metric, style)
    axes.set_xscale("log")
    rates = [row.kbps for row in rows if row.kbps > 0]
    axes.set_xticks([tick for tick in TICKS_KBPS if min(rates) * 0.8 <= tick <= max(rates) * 1.2])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("payload, kbps (keyframe included)")
    axes.set_ylabel(title)
    axes.grid(True, which="major", alpha=0.35)
    if metric in LESS_IS_BETTER:
        axes.invert_yaxis()


def plot_rates(rows: Sequence[RateRow], path: Path, *, size: int) -> None:
    """Mean curves over the clips, one panel a metric; up is better in every panel."""
    means = mean_rows(rows)
    clips = len({row.clip for row in rows})
    shown = [(metric, title) for metric, title in METRICS if all(getattr(r, metric) is not None for r in means)]
    columns = 2 if len(shown) <= 4 else 3
    lines = math.ceil(len(shown) / columns)
    size_inches = (columns * PANEL_INCHES[0], lines * PANEL_INCHES[1])
    figure, panels = plt.subplots(lines, columns, figsize=size_inches, squeeze=False, layout="constrained")
    for axes in panels.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, (metric, title) in zip(panels.flat, shown, strict=False):
        _draw(axes, means, metric, title)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), fontsize=9)
    noun = "clip" if clips == 1 else "clips"
    figure.suptitle(f"Rate against quality at {size}x{size}, mean of {clips} {noun}, low-delay settings")
    save_figure(figure, path)
