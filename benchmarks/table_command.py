"""Stage 10, display (offline): tables of a speed, delay or engines results file again, in terminal or document."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.delay.report import delay_markdown, plot_delay, read_delay, show_delay
from benchmarks.engines.plot import plot_engines
from benchmarks.engines.report import engines_markdown, read_engines, show_engines
from benchmarks.errors import ResultsError
from benchmarks.records.markdown import replace_section
from benchmarks.speed.plot import plot_speed
from benchmarks.speed.report import read_speed, show_speed, speed_markdown


@dataclass(frozen=True, slots=True)
class Kind:
    """What a benchmark makes of its results: `read` gives what the others show, draw and write."""

    read: Callable[[dict[str, Any]], Any]
    show: Callable[[Any, Console], None]
    plot: Callable[[Any, Path], None]
    markdown: Callable[[Any], str]


KINDS = {
    "speed": Kind(read_speed, show_speed, plot_speed, speed_markdown),
    "delay": Kind(read_delay, show_delay, plot_delay, delay_markdown),
    "engines": Kind(read_engines, show_engines, plot_engines, engines_markdown),
}


def read_timing(path: Path) -> dict[str, Any] | None:
    """The file's contents if it is of a benchmark of `KINDS`, else None: the rate benchmark knows its own.

    Raises ResultsError, and OSError where there is no file.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path}: no JSON ({error})") from error
    return report if isinstance(report, dict) and report.get("benchmark") in KINDS else None


def show_timing(report: dict[str, Any], console: Console, *, plot: Path | None, into: Path | None) -> None:
    """Prints the tables, and draws or writes them where told. Raises ResultsError, OSError."""
    kind = KINDS[report["benchmark"]]
    run = kind.read(report)
    kind.show(run, console)
    if plot:
        kind.plot(run, plot)
    if into:
        replace_section(into, report["benchmark"], kind.markdown(run))
