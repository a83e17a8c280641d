"""Measuring echo: the command line, python -m benchmarks echo."""

import argparse
from collections.abc import Sequence

from benchmarks.calls.echo.report import echo_markdown, echo_report, plot_echo, read_echo, show_echo
from benchmarks.calls.echo.run import EchoSettings, measure_echo
from benchmarks.calls.echo.scene import make_scene
from benchmarks.flags import Commands, add_outputs, add_timing
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

__all__ = ["ECHO", "add_echo"]

ECHO = ResultsKind(read_echo, show_echo, plot_echo, echo_markdown)
ABOUT = """\
Has two synthetic voices (espeak-ng) speak, the one out of a loudspeaker in a made room beside the microphone of the
other: first the one alone, then the other, then both. Says what a call's echo canceller (facewire[echo]) leaves of the
echo, how soon, and what it does to who speaks at the microphone: how loud that is, and how far its spectrum is from
what it was (log-spectral distance) or from what the canceller makes of it where there is no echo. No device.

examples:
  python -m benchmarks echo                                        half a minute
  python -m benchmarks echo --delay-ms 100 --loudness-db 0 --json echo.json --plot echo.png
"""


def add_echo(commands: Commands) -> None:
    """Adds the subcommand."""
    default = EchoSettings()
    parser = add_timing(commands, "echo", says="what is left of the echo of a loudspeaker", about=ABOUT)
    for flag, values, of in (
        ("delays_ms", default.delays_ms, "from the loudspeaker being given something until the microphone gives it"),
        ("drifts_ppm", default.drifts_ppm, "of the loudspeaker's clock against the microphone's"),
        ("loudness_db", default.loudness_db, "of the echo, against what is played"),
    ):
        name = f"--{flag.replace('_', '-').replace('delays', 'delay').replace('drifts', 'drift')}"
        said = ", ".join(f"{value:g}" for value in values)
        parser.add_argument(
            name, dest=flag, type=float, action="append", metavar="N", help=f"{of}; may be repeated (default: {said})"
        )
    add_outputs(parser, plot="levels over time for each")
    parser.set_defaults(run=echo)


def echo(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the benchmark and writes what was asked for."""
    default = EchoSettings()
    settings = EchoSettings(
        delays_ms=tuple(args.delays_ms or default.delays_ms),
        drifts_ppm=tuple(args.drifts_ppm or default.drifts_ppm),
        loudness_db=tuple(args.loudness_db or default.loudness_db),
    )
    origin = provenance(command, clips=[], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    with progress_of(len(settings.delays_ms) * len(settings.drifts_ppm) * len(settings.loudness_db)) as tick:
        result = measure_echo(make_scene(), settings, tick=tick)
    ECHO.put_out(echo_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
