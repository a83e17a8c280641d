"""Measuring many viewers: the command line, python -m benchmarks viewers."""

import argparse
from collections.abc import Sequence

from benchmarks.calls.viewers.report import plot_viewers, read_viewers, show_viewers, viewers_markdown, viewers_report
from benchmarks.calls.viewers.run import CHURN_S, ViewersSettings, measure_viewers
from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import Commands, add_audience, add_clip, add_outputs, add_size, add_timing
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

__all__ = ["VIEWERS", "add_viewers"]

VIEWERS = ResultsKind(read_viewers, show_viewers, plot_viewers, viewers_markdown)
ABOUT = f"""\
Plays a clip through calls of one sender with one and with several viewers over loopback, signaling and sender in
processes of their own, and says what CPU time the sender takes a frame, and of it the coding. One viewer decodes, the
others receive and acknowledge; in the last call one of them leaves and comes back each {CHURN_S:g} s.

examples:
  python -m benchmarks viewers                              1, 2, 4 and 8 viewers: four minutes
  python -m benchmarks viewers --viewers 1 --viewers 8 --json viewers.json --plot viewers.png
"""


def add_viewers(commands: Commands) -> None:
    """Adds the subcommand."""
    default = ViewersSettings()
    parser = add_timing(commands, "viewers", says="what one sender spends on one viewer and on many", about=ABOUT)
    add_clip(parser, default=SAMPLE)
    add_size(parser, default=default.size)
    add_audience(parser, viewers=default.viewers, seconds=default.seconds, fps=default.fps)
    parser.add_argument("--no-churn", action="store_true", help="leave out the call in which one comes and goes")
    add_outputs(parser, plot="a bar for each call: coding, sending")
    parser.set_defaults(run=viewers)


def viewers(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the benchmark and writes what was asked for."""
    settings = ViewersSettings(
        viewers=tuple(dict.fromkeys(args.viewers or ViewersSettings().viewers)),
        churn=not args.no_churn,
        seconds=args.seconds,
        size=args.size,
        fps=args.fps,
    )
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    with progress_of(len(settings.viewers) + 1 + settings.churn) as tick:
        result = measure_viewers(args.clip, settings, tick=tick)
    VIEWERS.put_out(viewers_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
