"""Measuring: the command line, python -m benchmarks rate | speed | delay | engines | table | compare."""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.delay.command import add_delay
from benchmarks.engines.command import add_engines
from benchmarks.errors import BenchmarkError, ResultsError
from benchmarks.flags import LEAST_WIDTH, picture_path, positive
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate.anchors import ANCHORS
from benchmarks.rate.compare import bd_table, new_against_old, pair_table, pairs, warnings
from benchmarks.rate.details import write_details
from benchmarks.rate.parallel import measure
from benchmarks.rate.plot import plot_rates
from benchmarks.rate.report import rate_report, read_run, write_json
from benchmarks.rate.rows import Comparison, RateRow, compare_all, gains, mean_rows
from benchmarks.rate.run import ClipResult, RateSettings, operating_points
from benchmarks.rate.sheet import write_sheet
from benchmarks.rate.tables import (
    comparison_table,
    faceless_line,
    gain_line,
    rate_table,
    reasons,
    spending_table,
)
from benchmarks.records.provenance import provenance
from benchmarks.speed.command import add_speed
from benchmarks.table_command import read_timing, show_timing
from codec.errors import CodecError

BELOW_KBPS = 12.0


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in _names(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"whole numbers separated by commas, not {text!r}") from error


def _steps(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in _names(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"numbers separated by commas, not {text!r}") from error


def _below(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--below", type=float, default=BELOW_KBPS, metavar="KBPS",
        help="BD-rate also over what both curves reach below this rate (default %(default)g)",
    )  # fmt: skip


def _what_runs(parser: argparse.ArgumentParser) -> None:
    default = RateSettings()
    parser.add_argument(
        "clips", nargs="+", type=Path, metavar="CLIP", help="any video of a face; the centre square is used"
    )
    parser.add_argument("--size", type=int, choices=(256, 512), default=default.size)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of each clip (default %(default)s)")
    parser.add_argument(
        "--anchors", type=_names, default=default.anchors, help=f"of {','.join(ANCHORS)}; '' for none (default all)"
    )
    parser.add_argument("--qps", type=_numbers, default=default.qps, help="ours, comma-separated (default 20,32,44)")
    parser.add_argument("--no-residual", dest="residual", action="store_false", help="ours: the base layer only")
    parser.add_argument("--references", choices=("single", "adaptive"), default=default.references)
    parser.add_argument("--weights", default=default.weights, help="name or .safetensors file (default %(default)s)")
    parser.add_argument(
        "--prototype-steps", type=_steps, default=default.prototype_steps, metavar="STEPS",
        help="the unlearned prototype's quantiser steps, comma-separated; '' for none",
    )  # fmt: skip
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="clips measured at once (default 1)")
    parser.add_argument(
        "--threads", type=positive,
        help=f"of each job, for the networks and the metrics (default {default.threads}, 1 with --jobs)",
    )  # fmt: skip


def _what_judges(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--every", type=int, default=RateSettings().every,
        help="all metrics but PSNR on every so many frames (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--lpips", type=Path, metavar="DIR", help="folder of the two LPIPS networks")
    parser.add_argument(
        "--landmarks", type=Path, metavar="FILE.tflite", help="MediaPipe's face landmark network: landmark error"
    )
    parser.add_argument(
        "--identity", type=Path, metavar="FILE.onnx", help="MobileFaceNet: identity; needs --landmarks too"
    )
    _below(parser)


def _rate_parser(parser: argparse.ArgumentParser) -> None:
    _what_runs(parser)
    _what_judges(parser)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=picture_path, metavar="FILE.png", help="the curves, mean over the clips")
    parser.add_argument("--sheet", type=picture_path, metavar="FILE.png", help="a picture of each clip by every codec")
    parser.add_argument("--details", type=picture_path, metavar="FILE.png", help="eyes and mouth, large")
    parser.set_defaults(run=rate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the codec.")
    commands = parser.add_subparsers(dest="command", required=True)
    _rate_parser(commands.add_parser("rate", help="kbps against quality, beside video codecs"))
    add_speed(commands)
    add_delay(commands)
    add_engines(commands)
    shown = commands.add_parser("table", help="prints a results file's tables again, measuring nothing")
    shown.add_argument("results", type=Path, metavar="FILE.json")
    shown.add_argument("--plot", type=picture_path, metavar="FILE.png", help="draws its curves or bars, too")
    shown.add_argument(
        "--into",
        type=Path,
        metavar="FILE.md",
        help="of speed, delay and engines: writes the tables into its section",
    )
    _below(shown)
    shown.set_defaults(run=table)
    compared = commands.add_parser("compare", help="two results files side by side: old and new weights")
    compared.add_argument("old", type=Path, metavar="OLD.json")
    compared.add_argument("new", type=Path, metavar="NEW.json")
    compared.set_defaults(run=compare)
    return parser


def _settings(args: argparse.Namespace) -> RateSettings:
    threads = args.threads or (RateSettings().threads if args.jobs == 1 else 1)
    return RateSettings(
        size=args.size,
        seconds=args.seconds,
        anchors=args.anchors,
        qps=args.qps,
        residual=args.residual,
        references=args.references,
        weights=args.weights,
        prototype_steps=args.prototype_steps,
        every=args.every,
        threads=threads,
    )


def _measure(args: argparse.Namespace, settings: RateSettings, nets: NetFiles) -> list[ClipResult]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(args.clips) * len(operating_points(settings)))
        at_once = min(args.jobs, len(args.clips))
        started = itertools.count(1)  # each point is announced when it starts

        def tick(description: str) -> None:
            progress.update(task, description=description, completed=max(0, next(started) - at_once))

        return measure(args.clips, settings, nets, jobs=args.jobs, tick=tick)


def _console() -> Console:
    plain = Console()
    return plain if plain.is_terminal else Console(width=LEAST_WIDTH)


def _show(rows: Sequence[RateRow], comparisons: Sequence[Comparison]) -> None:
    console = _console()
    for clip in dict.fromkeys(row.clip for row in rows):
        console.print(rate_table([row for row in rows if row.clip == clip], title=clip))
    means = mean_rows(rows)
    clips = len({row.clip for row in rows})
    if clips > 1:
        console.print(rate_table(means, title=f"mean of {clips} clips"))
    if line := faceless_line(rows):
        console.print(line, highlight=False)
    console.print(spending_table([*rows, *(means if clips > 1 else [])]))
    for gain in gains(rows):
        console.print(gain_line(gain), highlight=False)
    if comparisons:
        console.print(comparison_table(comparisons))
    for line in reasons(comparisons):
        console.print(line, highlight=False)
    console.print(
        "kbps = key + ref + motion, payload. "
        "wire, back: a data-channel message of N bytes is N + 93 out and 93 back, an RTP packet N + 50."
    )


def rate(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the rate benchmark and writes what was asked for."""
    settings = _settings(args)
    nets = NetFiles(lpips=args.lpips, landmarks=args.landmarks, identity=args.identity)
    origin = None
    if args.json:  # now, since files and checkout may change while it runs
        origin = provenance(command, clips=args.clips, weights_name=settings.weights, nets=nets, jobs=args.jobs)
    results = _measure(args, settings, nets)
    rows = [one.row for result in results for one in result.measured]
    comparisons = compare_all(rows, settings.anchors, below_kbps=args.below)
    _show(rows, comparisons)
    if origin is not None:
        write_json(args.json, rate_report(settings, rows, comparisons, provenance=origin))
    if args.plot:
        plot_rates(rows, args.plot, size=settings.size)
    if args.sheet:
        write_sheet(results, args.sheet, anchors=settings.anchors)
    if args.details:
        write_details(results, args.details, anchors=settings.anchors)


def table(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Prints what a run printed, from its results file."""
    if (timing := read_timing(args.results)) is not None:
        show_timing(timing, _console(), plot=args.plot, into=args.into)
        return
    if args.into:
        raise ResultsError(f"{args.results}: --into is for results of speed, delay and engines")
    run = read_run(args.results)
    _show(run.rows, compare_all(run.rows, run.anchors, below_kbps=args.below))
    if args.plot:
        plot_rates(run.rows, args.plot, size=run.size)


def compare(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Prints the new results beside the old ones."""
    old, new = read_run(args.old), read_run(args.new)
    console = _console()
    console.print(f"old: {old.name}, weights {old.weights}\nnew: {new.name}, weights {new.weights}", highlight=False)
    console.print(pair_table(pairs(old, new)))
    console.print(bd_table(new_against_old(old, new)))
    for warning in warnings(old, new):
        console.print(f"careful: {warning}", highlight=False)


def main(argv: list[str] | None = None) -> int:
    command = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(command)
    try:
        args.run(args, command)
    except (BenchmarkError, CodecError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
