"""The plot of rates: its legend hides no point."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from benchmarks.rate.display import plot
from benchmarks.rate.results.rows import RateRow


def test_the_legend_stands_beside_the_panels(
    measured_rows: Callable[..., list[RateRow]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(plot, "save_figure", lambda figure, path: drawn.append(figure))
    plot.plot_rates(measured_rows(), tmp_path / "a.png", size=256)
    (figure,) = drawn
    figure.canvas.draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert len(legend.get_texts()) > 1
    for axes in figure.axes:
        assert axes.get_legend() is None
        assert not box.overlaps(axes.get_window_extent())
    plt.close(figure)
