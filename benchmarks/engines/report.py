"""Stage 10, display (offline): the comparison of engines as JSON, as tables, and as a section of a document."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.engines.rows import ALL, SUMS, DecodeRow, EngineResult, EngineSettings, GraphRow, SumRow
from benchmarks.records.conditions import machine_lines
from benchmarks.records.json_file import check_kind, report_head, results_of
from benchmarks.records.markdown import markdown_table
from benchmarks.records.provenance import sha256
from benchmarks.records.spread import Spread
from codec.weights import files as weights

TIMES = ("median ms", "p25", "p75")
GRAPH_COLUMNS = ("graph", "size", "engine", "precision", *TIMES, "x torch f32", "weights kB", "max error", "mean error",
                 "mean %")  # fmt: skip
SUM_COLUMNS = ("engine", "size", "precision", *(f"{what}, ms" for what in SUMS), "a frame, x torch f32",
               "all weights, MB")  # fmt: skip
DECODE_COLUMNS = ("engine", "size", "precision", *TIMES, "x f32", "mean ms of all", "PSNR dB", "change dB",
                  "worst clip dB", "LPIPS", "change", "worst clip")  # fmt: skip
LEFT = ("graph", "engine", "precision")
TITLES = (
    "each graph alone, on real inputs; errors against torch f32",
    "medians added up; a graph that a precision is not for runs in the next finer one",
    "the same bytes, coded with openvino f32, decoded by each; changes against openvino f32",
)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What a results file says that tables and plots are made of."""

    graphs: tuple[GraphRow, ...]
    sums: tuple[SumRow, ...]
    decodes: tuple[DecodeRow, ...]
    clips: tuple[str, ...]
    machine: str
    lines: tuple[str, ...]  # about the machine, and what could not be measured on it


def engine_report(settings: EngineSettings, result: EngineResult, *, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything the terminal shows, unrounded, the decoded rows of each clip beside."""
    path = weights.ranges_path(weights.find(settings.weights)[0])
    ranges = {"file": path.name, "sha256": sha256(path)} if path.is_file() else None
    head = report_head(
        "engines",
        settings,
        cores=result.cores,
        load_before=result.load_before,
        provenance={**provenance, "ranges": ranges},
    )
    head["environment"]["packages"] |= _version_of("onnxruntime")
    return {
        **head,
        "notes": list(result.notes),
        "graphs": [asdict(row) for row in result.graphs],
        "sums": [asdict(row) for row in result.sums],
        "decodes": [asdict(row) for row in result.decodes],
        "clips": list(result.clips),
    }


def _version_of(package: str) -> dict[str, str]:
    try:
        return {package: metadata.version(package)}
    except metadata.PackageNotFoundError:
        return {}


def read_engines(report: dict[str, Any]) -> EngineRun:
    """What `engine_report` made. Raises ResultsError."""
    with results_of("engines"):
        check_kind(report, "engines")
        lines = machine_lines(report)
        return EngineRun(
            graphs=tuple(GraphRow(**{**row, "ms": Spread(**row["ms"])}) for row in report["graphs"]),
            sums=tuple(SumRow(**row) for row in report["sums"]),
            decodes=tuple(DecodeRow(**{**row, "frame_ms": Spread(**row["frame_ms"])}) for row in report["decodes"]),
            clips=tuple(report["provenance"]["clips"]),
            machine=lines[-3],
            lines=(*lines, *_own_lines(report)),
        )


def _own_lines(report: dict[str, Any]) -> list[str]:
    """What the other benchmarks have no lines for."""
    version = report["environment"]["packages"].get("onnxruntime")
    ranges = report["provenance"]["ranges"]
    settings = report["settings"]
    return [
        *([f"onnxruntime {version}"] if version else []),
        *([f"ranges for int8: {ranges['file']} ({ranges['sha256'][:8]})"] if ranges else []),
        f"{settings['threads']} threads, {settings['runs']} runs of each graph, {settings['seconds']:g} s of each clip",
        *report["notes"],
    ]


def _signed(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:+.{digits}f}"


def _times(spread: Spread) -> list[str]:
    return [f"{value:.2f}" for value in (spread.median, spread.p25, spread.p75)]


def graph_cells(row: GraphRow) -> list[str]:
    """A row as texts, under `GRAPH_COLUMNS`."""
    errors = ["-" if value is None else f"{value:.2g}" for value in (row.max_error, row.mean_error)]
    relative = "-" if row.relative_error is None else f"{100 * row.relative_error:.2g}"
    return [
        row.graph,
        str(row.size),
        row.engine,
        row.precision,
        *_times(row.ms),
        f"{row.ratio:.2f}",
        f"{row.weights_bytes / 1000:.0f}",
        *errors,
        relative,
    ]


def sum_cells(row: SumRow) -> list[str]:
    """A row as texts, under `SUM_COLUMNS`; the ratio is that of the first sum."""
    sums = [f"{row.ms[what]:.1f}" for what in SUMS]
    ratio = f"{row.ratios[next(iter(SUMS))]:.2f}"
    return [row.engine, str(row.size), row.precision, *sums, ratio, f"{row.weights_bytes / 1e6:.1f}"]


def decode_cells(row: DecodeRow) -> list[str]:
    """A row as texts, under `DECODE_COLUMNS`."""
    return [
        row.engine,
        str(row.size),
        row.precision if row.where == ALL else f"{row.precision}: {row.where}",
        *_times(row.frame_ms),
        f"{row.ratio:.2f}",
        f"{row.mean_ms:.2f}",
        f"{row.psnr_db:.2f}",
        _signed(row.psnr_change_db, 3),
        _signed(row.psnr_worst_db, 3),
        "-" if row.lpips is None else f"{row.lpips:.4f}",
        _signed(row.lpips_change, 4),
        _signed(row.lpips_worst, 4),
    ]


def tables_of(run: EngineRun) -> list[tuple[str, tuple[str, ...], list[list[str]]]]:
    """Title, header and rows of each table."""
    return [
        (TITLES[0], GRAPH_COLUMNS, [graph_cells(row) for row in run.graphs]),
        (TITLES[1], SUM_COLUMNS, [sum_cells(row) for row in run.sums]),
        (TITLES[2], DECODE_COLUMNS, [decode_cells(row) for row in run.decodes]),
    ]


def _rich(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, ends: Callable[..., bool]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, justify="left" if name in LEFT else "right")
    for one, after in zip(rows, [*rows[1:], None], strict=True):
        table.add_row(*one, end_section=after is not None and ends(one, after))
    return table


def show_engines(run: EngineRun, console: Console) -> None:
    """All tables, and the conditions."""
    for line in run.lines:
        console.print(line, highlight=False, markup=False)
    for title, header, rows in tables_of(run):
        console.print(_rich(f"{title}; {', '.join(run.clips)}", header, rows, ends=lambda a, b: a[:2] != b[:2]))


def engines_markdown(run: EngineRun) -> str:
    """The same as a section of a document."""
    conditions = "\n".join(f"- {line}" for line in (*run.lines, f"clips: {', '.join(run.clips)}"))
    tables = "\n\n".join(
        f"{title[0].upper()}{title[1:]}:\n\n{markdown_table(header, rows)}" for title, header, rows in tables_of(run)
    )
    return f"\n{conditions}\n\n{tables}\n"
