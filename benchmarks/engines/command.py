"""Measuring engines: the command line, python -m benchmarks engines."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from benchmarks.clips.sample import SAMPLE
from benchmarks.engines.plot import plot_engines
from benchmarks.engines.report import engine_report, read_engines, show_engines
from benchmarks.engines.rows import EngineSettings
from benchmarks.errors import SettingError
from benchmarks.flags import LEAST_WIDTH, picture_path, positive
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.quality.metrics import EVERY
from benchmarks.rate.report import write_json
from benchmarks.records.provenance import provenance
from benchmarks.speed.command import progress_of
from codec.units import SIZES

ABOUT = """\
Compares what can run the codec's networks, so that engine and precision are picked by measurement, on your machine.

First each graph alone (python -m codec.export says what the graphs are), on what real frames give it: torch in f32 and
bf16, OpenVINO in f32, bf16 and int8, and ONNX Runtime in f32 and int8 where it is installed, which the codec does not
need: pip install -c constraints.txt onnxruntime onnx. Milliseconds, size of the weights, errors against torch f32.
Engines take turns run by run, so that whatever else the machine does disturbs all of them. It does not disturb them
alike: take figures, ratios too, on a machine that does nothing else.

Then whole streams: each clip is coded once, and the very same bytes are decoded in each precision, and in int8 for one
network at a time. PSNR and LPIPS say what a precision costs, the milliseconds of a frame what it saves. It is worth
having where the time falls and the quality does not.

examples:
  python -m benchmarks engines                                 the bundled clip, both sizes: some five minutes
  python -m benchmarks engines --size 256 --seconds 2 --runs 10       a quick look
  python -m benchmarks engines a.mp4 b.mp4 --lpips nets/lpips --json engines.json --plot engines.png
  python -m benchmarks table engines.json                      the tables again
"""


def add_engines(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the subcommand."""
    default = EngineSettings()
    parser = commands.add_parser(
        "engines",
        help="what runs the networks: milliseconds, errors and quality by engine and precision",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="of faces (default: the bundled one)")
    parser.add_argument(
        "--size", dest="sizes", type=int, choices=SIZES, action="append", help="may be repeated (default: both)"
    )
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of each clip (default %(default)g)")
    parser.add_argument(
        "--runs", type=positive, default=default.runs, metavar="N", help="of each graph, timed (default %(default)s)"
    )
    parser.add_argument(
        "--threads", type=positive, default=default.threads, metavar="N",
        help="of each engine, and the cores that everything is held to (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--weights", default=default.weights, help="name or .safetensors file (default %(default)s)")
    parser.add_argument(
        "--lpips", type=Path, metavar="DIR", help=f"folder of the two LPIPS networks; on each {EVERY}rd frame"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=picture_path, metavar="FILE.png", help="milliseconds by graph for each engine")
    parser.set_defaults(run=engines)


def engines(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the comparison and writes what was asked for."""
    if find_spec("openvino") is None:
        raise SettingError(
            "OpenVINO is not installed, and it is what the others are compared with: pip install openvino"
        )
    from benchmarks.engines.run import measure_engines  # needs OpenVINO, which the other benchmarks can do without

    clips: list[Path] = args.clips or [SAMPLE]
    settings = EngineSettings(
        sizes=tuple(sorted(set(args.sizes))) if args.sizes else EngineSettings().sizes,
        seconds=args.seconds,
        runs=args.runs,
        threads=args.threads,
        weights=args.weights,
    )
    nets = NetFiles(lpips=args.lpips)
    lpips = nets.load().lpips
    origin = provenance(command, clips=clips, weights_name=settings.weights, nets=nets, jobs=1)
    with progress_of(settings.units(len(clips))) as tick:
        result = measure_engines(clips, settings, lpips=lpips, tick=tick)
    report = engine_report(settings, result, provenance=origin)
    if args.json:
        write_json(args.json, report)
    run = read_engines(report)
    console = Console()
    show_engines(run, console if console.is_terminal else Console(width=LEAST_WIDTH))
    if args.plot:
        plot_engines(run, args.plot)
