"""Measuring speed: the command line, python -m benchmarks speed."""

import argparse
from collections.abc import Sequence

from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import Commands, add_clips, add_outputs, add_sizes, add_threads, add_timing, positive
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from benchmarks.speed.plot import plot_speed
from benchmarks.speed.report import read_speed, show_speed, speed_markdown, speed_report
from benchmarks.speed.run import SpeedSettings, measure_speed
from codec import CodecConfig

SPEED = ResultsKind(read_speed, show_speed, plot_speed, speed_markdown)
ABOUT = """\
Times every part of the codec on real frames and holds it against its target: a frame at either end and by stage, both
ends of a call on the same cores, memory, the cold start, the size of the weights. Each figure comes from processes of
its own, held to --threads cores. docs/speed.md says what each row means.

examples:
  python -m benchmarks speed                                   the bundled clip, both sizes: about two minutes
  python -m benchmarks speed --seconds 2 --call-seconds 5      a quick look
  python -m benchmarks speed --size 256 --call-seconds 0       the codec alone, no calls
  python -m benchmarks speed a.mp4 b.mp4 --json speed.json --plot speed.png

Take figures on a machine that does nothing else: whatever runs beside it is measured, too.
"""


def add_speed(commands: Commands) -> None:
    """Adds the subcommand."""
    default = SpeedSettings()
    says = "milliseconds, frames a second, memory and start-up against their targets"
    parser = add_timing(commands, "speed", says=says, about=ABOUT)
    add_clips(parser, default=SAMPLE)
    add_sizes(parser)
    parser.add_argument(
        "--seconds", type=float, default=default.seconds, help="of each clip through the codec (default %(default)g)"
    )
    parser.add_argument(
        "--call-seconds", type=float, default=default.call_seconds, metavar="SECONDS",
        help="of each call that count; 0: no calls (default %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--cold-runs", type=positive, default=default.cold_runs, metavar="N", help="starts timed (default %(default)s)"
    )
    add_threads(parser, default=default.threads, of="of the networks, and the cores that everything is held to")
    add_outputs(parser, plot="stages, and figures against targets")
    parser.set_defaults(run=speed)


def speed(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the speed benchmark and writes what was asked for."""
    settings = SpeedSettings(
        sizes=tuple(sorted(set(args.sizes or SpeedSettings().sizes))),
        seconds=args.seconds,
        call_seconds=args.call_seconds,
        cold_runs=args.cold_runs,
        threads=args.threads,
    )
    origin = provenance(command, clips=args.clips, weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    with progress_of(settings.units(len(args.clips))) as tick:
        result = measure_speed(args.clips, settings, tick=tick)
    SPEED.put_out(speed_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
