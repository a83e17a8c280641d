"""Measuring delay: the command line, python -m benchmarks delay."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.clips.sample import SAMPLE
from benchmarks.delay.report import delay_report, plot_delay, read_delay, show_delay
from benchmarks.delay.run import DEFAULT_BUNDLE, FPS, DelaySettings, measure_delay
from benchmarks.flags import LEAST_WIDTH, picture_path, positive
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate.report import write_json
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.speed.command import progress_of
from codec import CodecConfig

ABOUT = f"""\
Plays a clip through a real call over loopback, signaling, sender and receiver in processes of their own, and measures
for each picture how long after its capture it was shown; one call for each size and bundle (frames a message). The
split by stage comes from the meters of both ends. docs/speed.md says what each column means.

examples:
  python -m benchmarks delay                                   both sizes, bundles of 1 and {DEFAULT_BUNDLE}: 90 seconds
  python -m benchmarks delay --size 256 --bundle 1 --bundle 2 --bundle 4
  python -m benchmarks delay clip.mp4 --json delay.json --plot delay.png

Take figures on a machine that does nothing else: whatever runs beside it delays pictures, too.
"""


def add_delay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the subcommand."""
    default = DelaySettings()
    parser = commands.add_parser(
        "delay",
        help="capture to display through a call, against the targets",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "clip", nargs="?", type=Path, default=SAMPLE, metavar="CLIP", help="of a face (default: the bundled one)"
    )
    parser.add_argument(
        "--size", dest="sizes", type=int, choices=(256, 512), action="append", help="may be repeated (default: both)"
    )
    parser.add_argument(
        "--bundle", dest="bundles", type=positive, action="append", metavar="N",
        help=f"frames a message; may be repeated (default: 1 and {DEFAULT_BUNDLE}, the sender's own)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=default.seconds, help="of each call that count (default %(default)g)"
    )
    parser.add_argument(
        "--fps", type=float, default=default.fps, metavar="N",
        help=f"at which the clip is played (default: {FPS[256]:g} at 256, {FPS[512]:g} at 512)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=positive, default=default.threads, metavar="N",
        help="cores that all processes together are held to (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=picture_path, metavar="FILE.png", help="a bar for each call, by stage")
    parser.set_defaults(run=delay)


def delay(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the delay benchmark and writes what was asked for."""
    default = DelaySettings()
    settings = DelaySettings(
        sizes=tuple(dict.fromkeys(args.sizes or default.sizes)),
        bundles=tuple(dict.fromkeys(args.bundles or default.bundles)),
        seconds=args.seconds,
        fps=args.fps,
        threads=args.threads,
    )
    origin = provenance(
        command,
        clips=[args.clip],
        weights_name=CodecConfig().weights,
        nets=NetFiles(),
        jobs=1,
        sources=CALL_SOURCES,
    )
    with progress_of(len(settings.sizes) * len(settings.bundles)) as tick:
        result = measure_delay(args.clip, settings, tick=tick)
    report = delay_report(settings, result, provenance=origin)
    if args.json:
        write_json(args.json, report)
    run = read_delay(report)
    console = Console()
    show_delay(run, console if console.is_terminal else Console(width=LEAST_WIDTH))
    if args.plot:
        plot_delay(run, args.plot)
