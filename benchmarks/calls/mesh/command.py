"""Measuring a call of several: the command line, python -m benchmarks mesh."""

import argparse
from collections.abc import Sequence

from benchmarks.calls.mesh.report import mesh_markdown, mesh_report, plot_mesh, read_mesh, show_mesh
from benchmarks.calls.mesh.run import MeshSettings, measure_mesh
from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import (
    Commands,
    add_call_length,
    add_clip,
    add_outputs,
    add_size,
    add_threads,
    add_timing,
    positive,
)
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.records.terminal import progress_of
from codec import CodecConfig

__all__ = ["MESH", "add_mesh"]

MESH = ResultsKind(read_mesh, show_mesh, plot_mesh, mesh_markdown)
ABOUT = """\
One end of a call of four, as people run it, against three in one process that replay a stream coded before: how many
pictures a second it sends to each and sees of each, with sound both ways, on so many cores in all.

examples:
  python -m benchmarks mesh                                 at 15 and at 25 pictures a second: two minutes
  python -m benchmarks mesh --fps 15 --json mesh.json --plot mesh.png
"""


def add_mesh(commands: Commands) -> None:
    """Adds the subcommand."""
    default = MeshSettings()
    parser = add_timing(commands, "mesh", says="what one end of a call of four holds", about=ABOUT)
    add_clip(parser, default=SAMPLE)
    add_size(parser, default=default.size)
    add_threads(parser, default=default.threads, of="cores that all of it is held to")
    parser.add_argument("--others", type=positive, default=default.others, metavar="N", help="(default %(default)s)")
    parser.add_argument(
        "--fps", type=float, action="append", metavar="N",
        help=f"may be repeated (default: {', '.join(f'{fps:g}' for fps in default.fps)})",
    )  # fmt: skip
    add_call_length(parser, seconds=default.seconds)
    add_outputs(parser, plot="bars for each call: asked, sent, seen")
    parser.set_defaults(run=mesh)


def mesh(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the benchmark and writes what was asked for."""
    settings = MeshSettings(
        others=args.others,
        fps=tuple(dict.fromkeys(args.fps or MeshSettings().fps)),
        seconds=args.seconds,
        size=args.size,
        threads=args.threads,
    )
    origin = provenance(command, clips=[args.clip], weights_name=CodecConfig().weights, sources=CALL_SOURCES)
    with progress_of(len(settings.fps)) as tick:
        result = measure_mesh(args.clip, settings, tick=tick)
    MESH.put_out(mesh_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
