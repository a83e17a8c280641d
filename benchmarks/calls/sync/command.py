"""Measuring sync: the command line, python -m benchmarks sync."""

import argparse
from collections.abc import Sequence
from typing import get_args

from benchmarks.calls.sync.report import plot_sync, read_sync, show_sync, sync_markdown, sync_report
from benchmarks.calls.sync.run import DEFAULT_BUNDLE, TARGET_MS, Mode, SyncSettings, measure_sync
from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import Commands, add_clip, add_outputs, add_size, add_threads, add_timing, positive
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

__all__ = ["SYNC", "add_sync"]

SYNC = ResultsKind(read_sync, show_sync, plot_sync, sync_markdown)
ABOUT = f"""\
Plays a clip whose picture and sound mark the same moments through a real call over loopback, signaling, sender and
receiver in processes of their own, and measures for each mark when it was seen and when it was heard: how far the two
are apart (target: {TARGET_MS:g} ms at the 95th percentile), and how long either took; one call for each mode,
bundle and loss.

examples:
  python -m benchmarks sync                                    no loss and 5 % each way: two minutes
  python -m benchmarks sync --mode h264                        the same by H.264
  python -m benchmarks sync --loss 0 --bundle 2 --bundle 4 --json sync.json --plot sync.png

Take figures on a machine that does nothing else, and look at "fps sent": where it is less than --fps the machine could
not keep up, and the delays are those of an overload.
"""


def add_sync(commands: Commands) -> None:
    """Adds the subcommand."""
    default = SyncSettings()
    parser = add_timing(commands, "sync", says="sound against pictures through a call, in ms", about=ABOUT)
    add_clip(parser, default=SAMPLE)
    add_size(parser, default=default.size)
    parser.add_argument(
        "--loss", dest="losses", type=float, action="append", metavar="PART",
        help="of the packets that get lost, each way; may be repeated (default: 0 and 0.05)",
    )  # fmt: skip
    parser.add_argument(
        "--bundle", dest="bundles", type=positive, action="append", metavar="N",
        help=f"frames a message; may be repeated (default: {DEFAULT_BUNDLE}, the sender's own)",
    )  # fmt: skip
    parser.add_argument(
        "--mode", dest="modes", choices=get_args(Mode), action="append",
        help="of the sender; may be repeated (default: keypoints)",
    )  # fmt: skip
    parser.add_argument("--fps", type=positive, default=default.fps, metavar="N", help="default %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=default.seconds, help="of each call that count (default %(default)g)"
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="of the loss (default %(default)s)")
    add_threads(parser, default=default.threads, of="cores that all processes together are held to")
    add_outputs(parser, plot="a histogram for each call")
    parser.set_defaults(run=sync)


def sync(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the sync benchmark and writes what was asked for."""
    default = SyncSettings()
    settings = SyncSettings(
        losses=tuple(dict.fromkeys(args.losses or default.losses)),
        bundles=tuple(dict.fromkeys(args.bundles or default.bundles)),
        modes=tuple(dict.fromkeys(args.modes or default.modes)),
        size=args.size,
        fps=args.fps,
        seconds=args.seconds,
        seed=args.seed,
        threads=args.threads,
    )
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    with progress_of(len(settings.losses) * len(settings.bundles) * len(settings.modes)) as tick:
        result = measure_sync(args.clip, settings, tick=tick)
    SYNC.put_out(sync_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
