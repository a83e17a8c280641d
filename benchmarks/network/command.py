"""Measuring over networks: the command line, python -m benchmarks network."""

import argparse
import signal
from collections.abc import Sequence

from benchmarks.calls.pinning import load_before
from benchmarks.calls.sfu.janus import JanusUnavailable, janus_version
from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import Commands, add_clip, add_outputs, add_timing
from benchmarks.network.conditions import CONDITIONS
from benchmarks.network.forwarding.report import (
    forwarding_markdown,
    forwarding_report,
    read_forwarding,
    show_forwarding,
)
from benchmarks.network.forwarding.report import no_plot as no_plot_of_messages
from benchmarks.network.forwarding.run import WAYS, ForwardingSettings, measure_forwarding
from benchmarks.network.link import LinkUnavailable
from benchmarks.network.paths.cases import CASES
from benchmarks.network.paths.coturn import coturn_version
from benchmarks.network.paths.report import no_plot, paths_markdown, paths_report, read_paths, show_paths
from benchmarks.network.paths.run import PathSettings, measure_paths
from benchmarks.network.report import network_markdown, network_report, plot_network, read_network, show_network
from benchmarks.network.run import NetworkSettings, measure_network
from benchmarks.network.two.report import no_plot as no_plot_of_two
from benchmarks.network.two.report import read_two, show_two, two_markdown, two_report
from benchmarks.network.two.run import TwoSettings, measure_two
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

__all__ = ["FORWARDING", "NETWORK", "PATHS", "TWO", "add_network"]

NETWORK = ResultsKind(read_network, show_network, plot_network, network_markdown)
PATHS = ResultsKind(read_paths, show_paths, no_plot, paths_markdown)
FORWARDING = ResultsKind(read_forwarding, show_forwarding, no_plot_of_messages, forwarding_markdown)
TWO = ResultsKind(read_two, show_two, no_plot_of_two, two_markdown)
ABOUT = f"""\
Makes two hosts of network namespaces with a link between them that loses, delays, limits and breaks, and holds a call
over it with the programs as they are, one call for each condition. It needs Linux, root and a C compiler, and says so
and does nothing where there is none. docs/network.md says what each column means.

conditions:
{chr(10).join(f"  {name:9} {condition.says}" for name, condition in CONDITIONS.items())}

between two homes (--nat), which needs coturn and nftables besides:
{chr(10).join(f"  {name:15} {case.says}" for name, case in CASES.items())}

examples:
  python -m benchmarks network
  python -m benchmarks network --nat --json paths.json
  python -m benchmarks network --two --seconds 1800 --json two.json
  python -m benchmarks network --messages --on "loss 5" --seconds 60
  python -m benchmarks network --nat --on "symmetric, TLS" --seconds 10
  python -m benchmarks network --on "loss 10" --on "limit 20" --mode auto --json network.json --plot network.png
"""


def add_network(commands: Commands) -> None:
    """Adds the subcommand."""
    default = NetworkSettings()
    parser = add_timing(commands, "network", says="calls over links that lose, delay, limit and break", about=ABOUT)
    add_clip(parser, default=SAMPLE)
    parser.add_argument(
        "--on", dest="names", action="append", metavar="CONDITION", help="may be repeated (default: all)"
    )
    parser.add_argument(
        "--mode", dest="modes", action="append", choices=("keypoints", "auto", "h264"),
        help=f"of the sender; may be repeated (default: {default.modes[0]})",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=default.seconds, help="of each call that count (default %(default)g)"
    )
    parser.add_argument("--nat", action="store_true", help="the ways between two homes in place of bad links")
    parser.add_argument(
        "--two", action="store_true", help="two calls on one line of 64 kbit/s that loses 2 %%, in place of those"
    )
    parser.add_argument(
        "--messages", action="store_true", help="messages alone, directly and through a Janus, in place of calls"
    )
    parser.add_argument("--silent", action="store_true", help="without sound")
    parser.add_argument(
        "--sfu",
        nargs="?",
        const="sender",
        default="",
        choices=("sender", "receiver"),
        help="through a Janus on that end's host (default: the sender's): what the line from it, or to it, does",
    )
    parser.add_argument(
        "--sender", action="append", default=[], metavar="FLAG", help="one more word for the sender; may be repeated"
    )
    add_outputs(parser, plot="each call over time")
    parser.set_defaults(run=network)


def network(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the calls and writes what was asked for; says why not where this machine cannot."""
    if args.nat:
        _between_homes(args, command)
        return
    if args.two:
        _on_one_line(args, command)
        return
    if args.messages:
        _messages(args, command)
        return
    default = NetworkSettings()
    settings = NetworkSettings(
        names=tuple(dict.fromkeys(args.names or default.names)),
        modes=tuple(dict.fromkeys(args.modes or default.modes)),
        seconds=args.seconds,
        sound=not args.silent,
        sender=tuple(args.sender),
        sfu=args.sfu,
    )
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    load = load_before()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us finds no hosts left behind
    try:
        with progress_of(len(settings.modes) * len(settings.names)) as tick:
            rows = measure_network(args.clip, settings, tick=tick)
    except (LinkUnavailable, JanusUnavailable) as reason:
        print(f"skipped: {reason}")
        return
    report = network_report(settings, rows, load_before=load, provenance=origin)
    NETWORK.put_out(report, json=args.json, plot=args.plot)


def _between_homes(args: argparse.Namespace, command: Sequence[str]) -> None:
    default = PathSettings()
    settings = PathSettings(
        names=tuple(dict.fromkeys(args.names or default.names)),
        seconds=args.seconds,
        mode=(args.modes or [default.mode])[0],
        sound=not args.silent,
    )
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    load = load_before()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        servers = f"coturn {coturn_version()}"
        with progress_of(len(settings.names)) as tick:
            rows = measure_paths(args.clip, settings, tick=tick)
    except LinkUnavailable as reason:
        print(f"skipped: {reason}")
        return
    report = paths_report(settings, rows, servers=servers, load_before=load, provenance=origin)
    PATHS.put_out(report, json=args.json, plot=args.plot)


def _messages(args: argparse.Namespace, command: Sequence[str]) -> None:
    names = tuple(dict.fromkeys(args.names or ForwardingSettings().names))
    settings = ForwardingSettings(names=names, seconds=args.seconds)
    origin = provenance(command, clips=[], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    load = load_before()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        version = janus_version()
        with progress_of(len(WAYS) * len(settings.names) * len(settings.frames)) as tick:
            rows = measure_forwarding(settings, tick=tick)
    except (LinkUnavailable, JanusUnavailable) as reason:
        print(f"skipped: {reason}")
        return
    report = forwarding_report(settings, rows, janus=version, load_before=load, provenance=origin)
    FORWARDING.put_out(report, json=args.json, plot=args.plot)


def _on_one_line(args: argparse.Namespace, command: Sequence[str]) -> None:
    settings = TwoSettings(seconds=args.seconds, sound=not args.silent)
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    load = load_before()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with progress_of(1) as tick:
            rows = measure_two(args.clip, settings, tick=tick)
    except LinkUnavailable as reason:
        print(f"skipped: {reason}")
        return
    TWO.put_out(two_report(settings, rows, load_before=load, provenance=origin), json=args.json, plot=args.plot)
