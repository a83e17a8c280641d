"""Stage 10, display (offline): a long call as JSON, as tables, drawn over time, and as a section of a document."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console

from benchmarks.calls.soak.run import SoakResult, SoakSettings
from benchmarks.calls.soak.series import EndSeries, ProcessSeries
from benchmarks.calls.soak.verdict import apart_by_sample, findings, verdict
from benchmarks.records.conditions import machine_lines
from benchmarks.records.figure_file import save_figure
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import figures_section
from benchmarks.records.terminal import show_table

__all__ = ["SoakRun", "plot_soak", "read_soak", "show_soak", "soak_markdown", "soak_report"]

COLUMNS = ("whose", "what", "first third", "last third", "an hour", "flat")
DIGITS = 3
COLOURS = ("#1f5fa8", "#c1272d", "#2a7f4f")


@dataclass(frozen=True, slots=True)
class SoakRun:
    """What a results file says that tables and plots are made of."""

    result: SoakResult
    lines: tuple[str, ...]  # about the machine and the call


def soak_report(settings: SoakSettings, result: SoakResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, and what it is drawn of, to a thousandth."""
    head = report_head("soak", settings, cores=(), load_before=result.load_before, provenance=provenance)
    return {**head, "result": _rounded(asdict(result)), "verdict": verdict(result)}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value


def read_soak(report: dict[str, Any]) -> SoakRun:
    """What `soak_report` made. Raises ResultsError."""
    with results_of("soak"):
        check_kind(report, "soak")
        result = {name: _tuples(part) for name, part in report["result"].items()}
        result["processes"] = tuple(ProcessSeries(**_parts(part)) for part in report["result"]["processes"])
        result["ends"] = tuple(EndSeries(**_parts(part)) for part in report["result"]["ends"])
        settings = report["settings"]
        way = "two-way" if settings["two_way"] else "one way"
        coded = f"{settings['size']}x{settings['size']}, --mode {settings['mode']}"
        call = f"{way}, {coded}, looked at each {settings['every_s']:g} s"
        return SoakRun(SoakResult(**result), (*machine_lines(report), result["line"], call))


def _parts(series: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuples(part) for name, part in series.items()}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def rows(run: SoakRun) -> list[list[str]]:
    """The trends as texts, under `COLUMNS`."""
    return [
        [
            finding.whose,
            finding.what,
            *(f"{value:.0f} {finding.unit}" for value in (finding.trend.first, finding.trend.last)),
            f"{finding.trend.per_hour:+.1f} {finding.unit}" if finding.hourly else "",
            "yes" if finding.is_flat else "no",
        ]
        for finding in findings(run.result)
    ]


def means(run: SoakRun) -> list[str]:
    """A line for each end and process: what it was on the whole."""
    result = run.result
    said = []
    for end in result.ends:
        ms = [apart_ms for _, apart_ms in end.marks]
        apart = f", |A-V| p95 {np.percentile(np.abs(ms), 95):.0f} ms of {len(ms)} marks" if ms else ""
        shown = f"{np.mean(end.fps):.1f} pictures/s, least {min(end.fps):.1f}"
        said.append(
            f"{end.name}: {shown}, {np.mean(end.in_kbps):.1f} kbit/s in, "
            f"{np.mean(end.made_up_percent):.1f} % of the sound made up{apart}"
        )
    cores = ", ".join(f"{process.name} {np.mean(process.cpu_percent):.0f} %" for process in result.processes)
    load = f"load {min(result.load):.1f} to {max(result.load):.1f}, median {np.median(result.load):.1f}"
    return [*said, f"of one core: {cores}; {load}"]


def show_soak(run: SoakRun, console: Console) -> None:
    """The table, the conditions and the verdict."""
    shown = rows(run)
    styles = [None if row[-1] == "yes" else "red" for row in shown]
    show_table(
        console, shown, lines=run.lines, title="a long call", columns=COLUMNS, left=("whose", "what"), styles=styles
    )
    for line in (*means(run), *([run.result.failure] if run.result.failure else []), verdict(run.result)):
        console.print(line, highlight=False)


def soak_markdown(run: SoakRun) -> str:
    """The same as a section of a document."""
    failure = [run.result.failure] if run.result.failure else []
    return figures_section((*run.lines, *means(run), *failure, verdict(run.result)), COLUMNS, rows(run))


def plot_soak(run: SoakRun, path: Path) -> None:
    """Over time: memory, threads and descriptors of the processes; delay, pictures and sync of the ends; the load."""
    result = run.result
    minutes = [at_s / 60 for at_s in result.at_s]
    figure, axes = plt.subplots(7, 1, figsize=(11, 15), sharex=True, layout="constrained")
    for ax, what in zip(axes, ("memory_mb", "threads", "descriptors"), strict=False):
        for process, colour in zip(result.processes, COLOURS, strict=False):
            ax.plot(minutes, getattr(process, what), color=colour, linewidth=1.2, label=process.name)
        ax.set_ylabel(what.replace("_mb", ", MB"), fontsize=9)
        ax.set_ylim(bottom=0)
    for end, colour in zip(result.ends, COLOURS, strict=False):
        _plot_end(axes[3:6], minutes, result.at_s, end, colour)
    axes[3].set_ylim(bottom=0)
    axes[4].set_ylim(bottom=0)
    axes[5].axhline(0, color="black", linewidth=0.6)
    for ax, label in zip(axes[3:6], ("delay, ms (p95 pale)", "pictures/s", "sound after picture, ms"), strict=True):
        ax.set_ylabel(label, fontsize=9)
    axes[6].plot(minutes, result.load, color="black", linewidth=1)
    axes[6].set_ylabel("load of the machine", fontsize=9)
    axes[6].set_ylim(bottom=0)
    axes[6].set_xlabel("minutes since the first picture")
    for ax in (axes[0], axes[3]):
        ax.legend(fontsize=8, loc="best")
    figure.suptitle(f"a long call: {result.line}\n{run.lines[-1]}", fontsize=9)
    save_figure(figure, path)


def _plot_end(
    axes: Sequence[Any], minutes: Sequence[float], at_s: Sequence[float], end: EndSeries, colour: str
) -> None:
    delay, fps, apart = axes
    delay.plot(minutes, end.delay_ms, color=colour, linewidth=1.2, label=f"at {end.name}")
    delay.plot(minutes, end.delay_p95_ms, color=colour, linewidth=0.8, alpha=0.4)
    fps.plot(minutes, end.fps, color=colour, linewidth=1)
    apart.plot(minutes, apart_by_sample(end, at_s), color=colour, linewidth=0, marker=".", markersize=3)
