"""Measuring delay: the command line, python -m benchmarks delay."""

import argparse
from collections.abc import Sequence

from benchmarks.clips.sample import SAMPLE
from benchmarks.delay.report import delay_markdown, delay_report, plot_delay, read_delay, show_delay
from benchmarks.delay.run import DEFAULT_BUNDLE, FPS, DelaySettings, measure_delay
from benchmarks.flags import Commands, add_clip, add_outputs, add_sizes, add_threads, add_timing, positive
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

DELAY = ResultsKind(read_delay, show_delay, plot_delay, delay_markdown)
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


def add_delay(commands: Commands) -> None:
    """Adds the subcommand."""
    default = DelaySettings()
    says = "capture to display through a call, against the targets"
    parser = add_timing(commands, "delay", says=says, about=ABOUT)
    add_clip(parser, default=SAMPLE)
    add_sizes(parser)
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
    add_threads(parser, default=default.threads, of="cores that all processes together are held to")
    add_outputs(parser, plot="a bar for each call, by stage")
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
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    with progress_of(len(settings.sizes) * len(settings.bundles)) as tick:
        result = measure_delay(args.clip, settings, tick=tick)
    DELAY.put_out(delay_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
