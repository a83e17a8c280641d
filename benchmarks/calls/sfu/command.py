"""Measuring many viewers behind a Janus: the command line, python -m benchmarks sfu."""

import argparse
from collections.abc import Sequence

from benchmarks.calls.sfu.janus import janus_version
from benchmarks.calls.sfu.report import plot_sfu, read_sfu, sfu_markdown, sfu_report, show_sfu
from benchmarks.calls.sfu.run import SfuSettings, measure_sfu
from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import Commands, add_audience, add_clip, add_outputs, add_size, add_timing
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

__all__ = ["SFU", "add_sfu"]

SFU = ResultsKind(read_sfu, show_sfu, plot_sfu, sfu_markdown)
ABOUT = """\
Sends a clip through a Janus of its own (Debian's package: janus) to viewers that receive and report and decode nothing,
over loopback, and says what each costs Janus, the sender and the wire. Without a Janus it says so and does nothing.
docs/scale.md says what each column means.

examples:
  python -m benchmarks sfu                                   1, 4 and 8 viewers: two minutes
  python -m benchmarks sfu --viewers 16 --json sfu.json --plot sfu.png
"""


def add_sfu(commands: Commands) -> None:
    """Adds the subcommand."""
    default = SfuSettings()
    parser = add_timing(
        commands, "sfu", says="what viewers behind a Janus cost it, the sender and the wire", about=ABOUT
    )
    add_clip(parser, default=SAMPLE)
    add_size(parser, default=default.size)
    add_audience(parser, viewers=default.viewers, seconds=default.seconds, fps=default.fps)
    parser.add_argument(
        "--event-loops", type=int, default=0, metavar="N", help="threads of Janus for all handles; 0: one for each"
    )
    add_outputs(parser, plot="CPU of Janus and of the sender's sending, by viewers")
    parser.set_defaults(run=sfu)


def sfu(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the benchmark and writes what was asked for."""
    version = janus_version()
    settings = SfuSettings(
        viewers=tuple(dict.fromkeys(args.viewers or SfuSettings().viewers)),
        seconds=args.seconds,
        size=args.size,
        fps=args.fps,
        event_loops=args.event_loops,
    )
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    with progress_of(len(settings.viewers)) as tick:
        result = measure_sfu(args.clip, settings, tick=tick)
    SFU.put_out(sfu_report(settings, result, janus=version, provenance=origin), json=args.json, plot=args.plot)
