"""Stage 10, display (offline): tables of a speed, delay or engines results file again, in terminal or document."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.delayreport import delay_markdown, plot_delay, read_delay, show_delay
from benchmarks.enginesplot import plot_engines
from benchmarks.enginesreport import engines_markdown, read_engines, show_engines
from benchmarks.errors import ResultsError
from benchmarks.markdown import replace_section
from benchmarks.speedplot import plot_speed
from benchmarks.speedreport import read_speed, show_speed, speed_markdown

KINDS = ("speed", "delay", "engines")


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
    if report["benchmark"] == "delay":
        delays = read_delay(report)
        show_delay(delays, console)
        if plot:
            plot_delay(delays, plot)
        if into:
            replace_section(into, "delay", delay_markdown(delays))
        return
    if report["benchmark"] == "engines":
        engines = read_engines(report)
        show_engines(engines, console)
        if plot:
            plot_engines(engines, plot)
        if into:
            replace_section(into, "engines", engines_markdown(engines))
        return
    run = read_speed(report)
    show_speed(run, console)
    if plot:
        plot_speed(run, plot)
    if into:
        replace_section(into, "speed", speed_markdown(run))
