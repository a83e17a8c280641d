"""Measuring: the command line, python -m benchmarks rate CLIP..."""

import argparse
import sys
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.anchors import ANCHORS
from benchmarks.errors import BenchmarkError
from benchmarks.lpips import Lpips
from benchmarks.plot import plot_rates
from benchmarks.rate import ClipResult, RateSettings, jobs, measure_clips
from benchmarks.report import rate_report, write_json
from benchmarks.rows import RateRow, compare_all, gains, mean_rows
from benchmarks.sheet import write_sheet
from benchmarks.table import comparison_table, gain_line, rate_table, reasons
from codec.errors import CodecError

LEAST_WIDTH = 150  # columns that the tables need where the output is not a terminal
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in _names(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"whole numbers separated by commas, not {text!r}") from error


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} should end in one of {', '.join(PICTURE_SUFFIXES)}")
    return path


def _rate_parser(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument(
        "--every", type=int, default=default.every, help="SSIM and LPIPS on every so many frames (default %(default)s)"
    )
    parser.add_argument("--lpips", type=Path, metavar="DIR", help="folder of the two LPIPS networks")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=_picture, metavar="FILE.png")
    parser.add_argument("--sheet", type=_picture, metavar="FILE.png")
    parser.add_argument(
        "--threads", type=int, default=default.threads, help="for the networks and the metrics (default %(default)s)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the codec.")
    commands = parser.add_subparsers(dest="command", required=True)
    _rate_parser(commands.add_parser("rate", help="kbps against PSNR, SSIM, MS-SSIM and LPIPS, beside video codecs"))
    return parser


def _settings(args: argparse.Namespace) -> RateSettings:
    return RateSettings(
        size=args.size,
        seconds=args.seconds,
        anchors=args.anchors,
        qps=args.qps,
        residual=args.residual,
        references=args.references,
        every=args.every,
        threads=args.threads,
    )


def _measure(args: argparse.Namespace, settings: RateSettings, lpips: Lpips | None) -> list[ClipResult]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(args.clips) * len(jobs(settings)))
        progress.advance(task, -1)  # each job announces itself when it starts

        def tick(description: str) -> None:
            progress.update(task, description=description, advance=1)

        return list(measure_clips(args.clips, settings, lpips=lpips, tick=tick))


def _show(console: Console, rows: list[RateRow], anchors: tuple[str, ...]) -> None:
    for clip in dict.fromkeys(row.clip for row in rows):
        console.print(rate_table([row for row in rows if row.clip == clip], title=clip))
    clips = len({row.clip for row in rows})
    if clips > 1:
        console.print(rate_table(mean_rows(rows), title=f"mean of {clips} clips"))
    for gain in gains(rows):
        console.print(gain_line(gain), highlight=False)
    comparisons = compare_all(rows, anchors)
    if comparisons:
        console.print(comparison_table(comparisons))
    for line in reasons(comparisons):
        console.print(line, highlight=False)
    console.print(
        "kbps = key + ref + motion, payload. "
        "wire, back: a data-channel message of N bytes is N + 93 out and 93 back, an RTP packet N + 50."
    )


def rate(args: argparse.Namespace) -> None:
    """Runs the rate benchmark and writes what was asked for."""
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    settings = _settings(args)
    lpips = None if args.lpips is None else Lpips(args.lpips)
    results = _measure(args, settings, lpips)
    rows = [one.row for result in results for one in result.measured]
    plain = Console()
    _show(plain if plain.is_terminal else Console(width=LEAST_WIDTH), rows, settings.anchors)
    if args.json:
        comparisons = compare_all(rows, settings.anchors)
        write_json(args.json, rate_report(settings, rows, comparisons, lpips=lpips is not None))
    if args.plot:
        plot_rates(rows, args.plot, size=settings.size)
    if args.sheet:
        write_sheet(results, args.sheet, anchors=settings.anchors)


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        rate(args)
    except (BenchmarkError, CodecError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
