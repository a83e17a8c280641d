"""Measuring for long: the command line, python -m benchmarks soak."""

import argparse
import signal
from collections.abc import Sequence

from benchmarks.calls.soak.report import plot_soak, read_soak, show_soak, soak_markdown, soak_report
from benchmarks.calls.soak.run import SoakSettings, measure_soak
from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import Commands, add_clip, add_outputs, add_size, add_timing
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

__all__ = ["SOAK", "add_soak"]

SOAK = ResultsKind(read_soak, show_soak, plot_soak, soak_markdown)
ABOUT = """\
Holds one call with sound for long, over a line that loses, and looks every few seconds at what each process holds
(memory, threads, descriptors) and at what each end sees and hears (pictures, delay, how far sound and pictures are
apart). Says of each whether it grew. The line is between two hosts of network namespaces; where this machine cannot
have them (Linux, root, a C compiler), one end loses the packets itself, over loopback, and the results say so.

examples:
  python -m benchmarks soak                                     half an hour, 1 % lost
  python -m benchmarks soak --two-way --loss 2 --json soak.json --plot soak.png

An interrupt ends it early: what was seen until then is put out.
"""


def add_soak(commands: Commands) -> None:
    """Adds the subcommand."""
    default = SoakSettings()
    parser = add_timing(commands, "soak", says="one call for half an hour: what grows in it", about=ABOUT)
    add_clip(parser, default=SAMPLE)
    add_size(parser, default=default.size)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="default %(default)g")
    parser.add_argument(
        "--loss", type=float, default=default.loss, metavar="PERCENT",
        help="of the packets that get lost, each way (default %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--kbps", type=float, default=default.kbps, help="that the line carries each way (default: all)"
    )
    parser.add_argument(
        "--two-way", action="store_true", help="faces and voices both ways: `facewire call` at both ends"
    )
    parser.add_argument(
        "--mode", choices=("keypoints", "auto", "h264"), default=default.mode, help="default %(default)s"
    )
    parser.add_argument(
        "--every", dest="every_s", type=float, default=default.every_s, metavar="S",
        help="seconds between two looks (default %(default)g)",
    )  # fmt: skip
    add_outputs(parser, plot="all of it over time")
    parser.set_defaults(run=soak)


def soak(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the call and writes what was asked for."""
    settings = SoakSettings(
        seconds=args.seconds,
        loss=args.loss,
        kbps=args.kbps,
        two_way=args.two_way,
        mode=args.mode,
        every_s=args.every_s,
        size=args.size,
    )
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us finds no hosts left behind
    with progress_of(1) as tick:
        result = measure_soak(args.clip, settings, tick=tick)
    SOAK.put_out(soak_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
