"""Stage 10, display (offline): the speed benchmark as JSON, as tables, and as a section of a document."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.records.conditions import machine_lines
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import markdown_table
from benchmarks.records.spread import Spread
from benchmarks.speed.rows import TITLES, SpeedRow, StageRow
from benchmarks.speed.run import SpeedResult, SpeedSettings

COLUMNS = ("what", "size", "median", "p25", "p75", "target", "met", "besides")
STAGE_COLUMNS = ("end", "size", "stage", "ms a frame", "of all frames", "median", "p25", "p75")
DIGITS = {"ms": 1, "fps": 1, "MB": 0, "s": 2}


@dataclass(frozen=True, slots=True)
class SpeedRun:
    """What a results file says that tables and plots are made of."""

    rows: tuple[SpeedRow, ...]
    stages: tuple[StageRow, ...]
    clips: tuple[str, ...]
    lines: tuple[str, ...]  # about the machine


def speed_report(settings: SpeedSettings, result: SpeedResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded, the rows of each clip beside."""
    return {
        **report_head("speed", settings, cores=result.cores, load_before=result.load_before, provenance=provenance),
        "rows": [asdict(row) for row in result.rows],
        "stages": [asdict(row) for row in result.stages],
        "clips": list(result.clips),
    }


def read_speed(report: dict[str, Any]) -> SpeedRun:
    """What `speed_report` made. Raises ResultsError."""
    with results_of("speed"):
        check_kind(report, "speed")
        return SpeedRun(
            rows=tuple(SpeedRow(**{**row, "spread": Spread(**row["spread"])}) for row in report["rows"]),
            stages=tuple(StageRow(**{**row, "spread": Spread(**row["spread"])}) for row in report["stages"]),
            clips=tuple(dict.fromkeys(one["clip"] for one in report["clips"])),
            lines=tuple(machine_lines(report)),
        )


def _number(value: float, unit: str) -> str:
    digits = 1 if unit == "MB" and value < 20 else DIGITS[unit]
    return f"{value:.{digits}f}"


def _target(row: SpeedRow) -> str:
    if row.target is None:
        return "-"
    return f"{'≥' if row.is_least else '≤'} {row.target:g} {row.unit}"


def _besides(row: SpeedRow) -> str:
    """Counts of frames are whole, the rest is in the row's unit."""
    counts = row.unit == "fps"
    return ", ".join(
        f"{name} {value:.0f}" if counts and "fps" not in name else f"{name} {_number(value, row.unit)}"
        for name, value in row.details.items()
    )


def cells(row: SpeedRow) -> list[str]:
    """A row as texts, under `COLUMNS`."""
    met = {None: "-", True: "yes", False: "no"}[row.met]
    figures = [_number(value, row.unit) for value in (row.spread.median, row.spread.p25, row.spread.p75)]
    size = "-" if row.size is None else str(row.size)
    figures[0] += f" {row.unit}"
    return [TITLES[row.key], size, *figures, _target(row), met, _besides(row)]


def stage_cells(row: StageRow) -> list[str]:
    """A stage as texts, under `STAGE_COLUMNS`."""
    spread = [f"{value:.1f}" for value in (row.spread.median, row.spread.p25, row.spread.p75)]
    return [row.end, str(row.size), row.stage, f"{row.ms_a_frame:.1f}", f"{row.frames:.0%}", *spread]


def _rich(header: Sequence[str], rows: Sequence[Sequence[str]], title: str, *, left: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=name != "besides")
    for one, after in zip(rows, [*rows[1:], None], strict=True):
        style = {"yes": "green", "no": "red"}.get(one[6]) if header is COLUMNS else None
        is_last = header is STAGE_COLUMNS and after is not None and after[:2] != one[:2]  # of its end and size
        table.add_row(*one, style=style, end_section=is_last)
    return table


def in_order(rows: Sequence[SpeedRow]) -> list[SpeedRow]:
    """By what they are, then by size."""
    return sorted(rows, key=lambda row: (list(TITLES).index(row.key), row.size or 0))


def show_speed(run: SpeedRun, console: Console) -> None:
    """Both tables, and the conditions."""
    for line in run.lines:
        console.print(line, highlight=False)
    rows = [cells(row) for row in in_order(run.rows)]
    title = f"speed, over {', '.join(run.clips)}"
    console.print(_rich(COLUMNS, rows, title, left=("what", "besides")))
    stages = [stage_cells(row) for row in run.stages]
    title = "by stage; median, p25 and p75 over the frames that have it"
    console.print(_rich(STAGE_COLUMNS, stages, title, left=("end", "stage")))
    missed = [f"{TITLES[row.key]} ({row.size})" for row in in_order(run.rows) if row.met is False]
    console.print(f"targets missed: {', '.join(missed) or 'none'}", highlight=False)


def speed_markdown(run: SpeedRun) -> str:
    """The same as a section of a document."""
    conditions = "\n".join(f"- {line}" for line in (*run.lines, f"clips: {', '.join(run.clips)}"))
    rows = markdown_table(COLUMNS, [cells(row) for row in in_order(run.rows)])
    stages = markdown_table(STAGE_COLUMNS, [stage_cells(row) for row in run.stages])
    return f"\n{conditions}\n\n{rows}\n\n{stages}\n"
