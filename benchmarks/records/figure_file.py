"""Stage 10, display (offline): plots as files, drawn where there is no screen."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

DOTS_PER_INCH = 110


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure and lets go of it; parent folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    plt.close(figure)
