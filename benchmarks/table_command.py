"""Stage 10, display (offline): tables of any results file again, measuring nothing; python -m benchmarks table."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.calls.echo.command import ECHO
from benchmarks.calls.mesh.command import MESH
from benchmarks.calls.sfu.command import SFU
from benchmarks.calls.soak.command import SOAK
from benchmarks.calls.sync.command import SYNC
from benchmarks.calls.viewers.command import VIEWERS
from benchmarks.delay.command import DELAY
from benchmarks.engines.command import ENGINES
from benchmarks.errors import ResultsError
from benchmarks.flags import Commands, add_below, picture_path
from benchmarks.network.command import FORWARDING, NETWORK, PATHS, TWO
from benchmarks.rate.display.documents import refreshed
from benchmarks.rate.display.face_tables import show_faces
from benchmarks.rate.display.plot import plot_rates
from benchmarks.rate.display.tables import show_rate
from benchmarks.rate.report import read_run
from benchmarks.rate.results.comparison import compare_all
from benchmarks.records.markdown import replace_section
from benchmarks.records.terminal import tables_console
from benchmarks.speed.command import SPEED

KINDS = {
    "speed": SPEED,
    "delay": DELAY,
    "sync": SYNC,
    "echo": ECHO,
    "engines": ENGINES,
    "viewers": VIEWERS,
    "mesh": MESH,
    "sfu": SFU,
    "soak": SOAK,
    "network": NETWORK,
    "paths": PATHS,
    "two": TWO,
    "forwarding": FORWARDING,
}


def add_table(commands: Commands) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser("table", help="prints a results file's tables again, measuring nothing")
    parser.add_argument("results", type=Path, metavar="FILE.json")
    parser.add_argument("--plot", type=picture_path, metavar="FILE.png", help="draws its curves or bars, too")
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FILE.md",
        help="of speed, delay, sync and engines: writes its tables; of rate: renews the figures in them",
    )
    add_below(parser)
    parser.set_defaults(run=table)


def table(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Prints what a run printed, from its results file."""
    if (timing := read_timing(args.results)) is not None:
        show_timing(timing, plot=args.plot, into=args.into)
        return
    run = read_run(args.results)
    console = tables_console()
    comparisons = compare_all(run.rows, run.anchors, below_kbps=args.below)
    show_rate(run.rows, comparisons, console)
    show_faces(run.rows, run.faces, console)
    for failure in run.failures:
        console.print(str(failure), highlight=False)
    if args.plot:
        plot_rates(run.rows, args.plot, size=run.size)
    if args.into:
        text = args.into.read_text(encoding="utf-8")
        args.into.write_text(refreshed(text, run, file=args.results.name), encoding="utf-8")


def read_timing(path: Path) -> dict[str, Any] | None:
    """The file's contents if it is of a benchmark of `KINDS`, else None: the rate benchmark knows its own.

    Raises ResultsError, and OSError where there is no file.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path}: no JSON ({error})") from error
    return report if isinstance(report, dict) and report.get("benchmark") in KINDS else None


def show_timing(report: dict[str, Any], *, plot: Path | None, into: Path | None) -> None:
    """Prints the tables, and draws or writes them where told. Raises ResultsError, OSError."""
    kind = KINDS[report["benchmark"]]
    run = kind.put_out(report, json=None, plot=plot)
    if into:
        replace_section(into, report["benchmark"], kind.markdown(run))
